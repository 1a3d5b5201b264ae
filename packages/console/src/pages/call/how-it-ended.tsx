import { useTranslation } from 'react-i18next';
import { toProblem } from '../../api/problem.js';
import { ProblemNote } from '../../components/problem-note.js';
import type { CallEnd } from '../../rooms/call-end.js';
import styles from './call-page.module.css';

const TOLD = [
  'left',
  'timeout',
  'kicked',
  'missing',
  'closed',
  'empty',
  'idle',
  'replaced',
  'disconnected',
] as const;

export function HowItEnded({ end }: { end: CallEnd | undefined }) {
  const { t } = useTranslation();
  if (!end) return null;
  if (end.error) return <ProblemNote problem={toProblem(end.error)} />;
  const reason = TOLD.find((one) => one === end.reason) ?? 'disconnected';
  return (
    <p role="status" className={styles.ended}>
      {t(`call.ended.${reason}`)}
    </p>
  );
}
