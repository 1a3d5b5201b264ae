import type { DeadLetterStats, DeadReason } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Ago } from '../../components/ago.js';
import styles from './dead-letters-page.module.css';
import { DEAD_REASONS } from './letter-filter.js';

interface LetterStatsProps {
  stats: DeadLetterStats;
  /** The one that the list is narrowed to. */
  reason: DeadReason | undefined;
  onReason(reason: DeadReason | undefined): void;
}

/** How many wait, since when and why; a reason narrows the list to itself. */
export function LetterStats({ stats, reason, onReason }: LetterStatsProps) {
  const { t } = useTranslation();
  const present = DEAD_REASONS.filter((one) => (stats.byReason[one] ?? 0) > 0);
  return (
    <section className={styles.stats} aria-label={t('letters.stats')}>
      <dl className={styles.figures}>
        <div>
          <dt>{t('letters.total')}</dt>
          <dd className={styles.total}>{stats.total}</dd>
        </div>
        {stats.oldestAt === null ? null : (
          <div>
            <dt>{t('letters.oldest')}</dt>
            <dd className={styles.oldest}>
              <Ago at={stats.oldestAt} />
            </dd>
          </div>
        )}
      </dl>
      <ul className={styles.reasons} aria-label={t('letters.byReason')}>
        {present.map((one) => (
          <li key={one}>
            <button
              type="button"
              className={styles.reason}
              aria-pressed={one === reason}
              onClick={() => onReason(one === reason ? undefined : one)}
            >
              <span>{t(`letters.reasons.${one}`)}</span>
              <strong>{stats.byReason[one]}</strong>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
