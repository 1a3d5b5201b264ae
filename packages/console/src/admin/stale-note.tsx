import { useTranslation } from 'react-i18next';
import styles from '../components/note.module.css';
import { clockTime } from '../format/format.js';
import { useLinkState } from './services.js';

/** Says of when a list is while it cannot be live. */
export function StaleNote({ readAt, failed }: { readAt: number; failed: boolean }) {
  const { t, i18n } = useTranslation();
  const link = useLinkState();
  if (link !== 'offline' && !failed) return null;
  return (
    <p role="status" className={styles.note}>
      {t('common.stale', { time: clockTime(readAt, i18n.language) })}
    </p>
  );
}
