import { useTranslation } from 'react-i18next';
import { Destination } from './destination.js';
import { ReceivedList } from './received-list.js';
import type { ScreenModel } from './screen-model.js';
import styles from './screen-page.module.css';

/** A paired screen: the page it was sent to, and what it was told. */
export function Stage({ model }: { model: ScreenModel }) {
  const { t } = useTranslation();
  const { url, received } = model;
  if (url === undefined && received.length === 0) {
    return (
      <section className={styles.waiting}>
        <h1>{t('wall.paired')}</h1>
        <p className={styles.how}>{t('wall.pairedHow')}</p>
      </section>
    );
  }
  return (
    <div className={styles.stage} data-framed={url !== undefined}>
      {url === undefined ? null : <Destination url={url} />}
      <ReceivedList received={received} />
    </div>
  );
}
