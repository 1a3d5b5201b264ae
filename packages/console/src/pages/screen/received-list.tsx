import { useTranslation } from 'react-i18next';
import { clockTime, jsonText } from '../../format/format.js';
import type { Received } from './screen-model.js';
import styles from './screen-page.module.css';

/** What this screen executed, newest first. */
export function ReceivedList({ received }: { received: Received[] }) {
  const { t, i18n } = useTranslation();
  return (
    <section className={styles.log} aria-labelledby="received">
      <h2 id="received">{t('wall.received')}</h2>
      <ol aria-live="polite" className={styles.entries}>
        {received.map(({ entry, at }) => (
          <li key={`${entry.stream}:${entry.seq}`} className={styles.entry} data-testid="entry">
            <span className={styles.what}>
              {entry.type === 'trigger' ? (
                <strong>{entry.action}</strong>
              ) : (
                t('wall.went', { url: entry.url })
              )}
            </span>
            <time className={styles.when} dateTime={new Date(at).toISOString()}>
              {clockTime(at, i18n.language)}
            </time>
            <span className={styles.meta}>
              {t('wall.from', { name: entry.from.username, seq: entry.seq })}
              {entry.displayIndex === undefined ? '' : ` ${t('wall.display', { index: entry.displayIndex })}`}
            </span>
            {entry.type === 'trigger' && entry.data !== undefined ? (
              <pre className={styles.data}>{jsonText(entry.data)}</pre>
            ) : null}
          </li>
        ))}
      </ol>
    </section>
  );
}
