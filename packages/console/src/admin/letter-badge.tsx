import { useTranslation } from 'react-i18next';
import styles from './letter-badge.module.css';
import { useDeadLetterStats } from './queries.js';

const MAX_SHOWN = 99;

/** How many dead letters wait; nothing when none do. */
export function LetterBadge() {
  const { t } = useTranslation();
  const { data } = useDeadLetterStats();
  if (!data || data.total === 0) return null;
  const { total } = data;
  return (
    <>
      <span className={styles.badge} aria-hidden="true">
        {total > MAX_SHOWN ? t('letters.badgeMany', { count: MAX_SHOWN }) : total}
      </span>
      <span className={styles.spoken}> {t('letters.badge', { count: total })}</span>
    </>
  );
}
