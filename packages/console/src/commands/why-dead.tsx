import { type DeadReason, UNREADABLE_RECEIPT } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import styles from './commands.module.css';

interface WhyDeadProps {
  reason: DeadReason;
  attempts: number;
  /** What the screen said last. */
  error: string | null;
}

/** Why a command was given up, in a sentence, and what the screen said. */
export function WhyDead({ reason, attempts, error }: WhyDeadProps) {
  const { t } = useTranslation();
  if (reason === 'exhausted' && error === UNREADABLE_RECEIPT) return <>{t('commands.unreadable')}</>;
  return (
    <>
      {t(`deadReason.${reason}`, { count: attempts })} <ScreenSaid error={error} />
    </>
  );
}

/** The screen's own words, apart from ours. */
export function ScreenSaid({ error }: { error: string | null }) {
  return error ? <q className={styles.said}>{error}</q> : null;
}
