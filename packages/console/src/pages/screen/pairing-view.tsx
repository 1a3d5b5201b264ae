import { useTranslation } from 'react-i18next';
import styles from './screen-page.module.css';

/** The code, large enough to be read across a room. */
export function PairingView({ code }: { code: string }) {
  const { t } = useTranslation();
  return (
    <section className={styles.pairing} aria-labelledby="pairing">
      <h1 id="pairing">{t('wall.pairTitle')}</h1>
      {/* Latin letters and digits: left to right in every language. */}
      <output className={styles.code} dir="ltr" data-testid="pairing-code">
        {code}
      </output>
      <p className={styles.how}>{t('wall.pairHow', { address: location.host })}</p>
    </section>
  );
}
