import { useTranslation } from 'react-i18next';
import styles from './link-indicator.module.css';
import { useLinkState } from './services.js';

/** Whether what the page shows is live. Quiet while it is. */
export function LinkIndicator() {
  const { t } = useTranslation();
  const state = useLinkState();
  return (
    <span role="status" className={styles.link} data-state={state}>
      <span className={styles.dot} aria-hidden="true" />
      <span className={styles.text}>{t(`link.${state}`)}</span>
    </span>
  );
}
