import { useTranslation } from 'react-i18next';
import { destinationOf } from './screen-model.js';
import styles from './screen-page.module.css';

/** The page a navigate asked for, in a frame; where that cannot be, the reason. */
export function Destination({ url }: { url: string }) {
  const { t } = useTranslation();
  const destination = destinationOf(url, location.origin);
  if (destination.kind !== 'frame') {
    return (
      <section className={styles.card} data-testid="destination">
        <code className={styles.path}>{destination.url}</code>
        <p>{destination.kind === 'path' ? t('wall.appPath') : t('wall.insecure')}</p>
      </section>
    );
  }
  return (
    <section className={styles.framed} data-testid="destination">
      {/* Always of another origin than this page (destinationOf), so that allow-same-origin gives it only its own. */}
      <iframe
        key={url}
        src={url}
        title={t('wall.frame', { url })}
        className={styles.frame}
        sandbox="allow-scripts allow-same-origin allow-forms allow-presentation"
        allow="autoplay; fullscreen"
        referrerPolicy="no-referrer"
      />
      <p className={styles.caption}>
        <code>{url}</code> <span>{t('wall.refusesFrames')}</span>
      </p>
    </section>
  );
}
