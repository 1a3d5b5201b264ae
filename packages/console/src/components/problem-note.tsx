import { useTranslation } from 'react-i18next';
import type { Problem } from '../api/problem.js';
import { waitTime } from '../format/format.js';
import styles from './problem-note.module.css';
import { useCountdown } from './use-countdown.js';

interface ProblemNoteProps {
  problem: (Problem & { retriesItself?: boolean }) | undefined;
}

/** A failure in words: what it means, what to do, how long to wait, and the code to look it up by. */
export function ProblemNote({ problem }: ProblemNoteProps) {
  const { t, i18n } = useTranslation();
  const leftMs = useCountdown(problem?.cause, problem?.retryAfterMs, () => {});
  if (!problem) return null;
  const { code, faults, retriesItself } = problem;
  return (
    <div className={styles.note}>
      <div role="alert">
        <p className={styles.meaning}>{t(`errors.${code}.meaning`)}</p>
        <p>{t(`errors.${code}.todo`)}</p>
        {faults.length === 0 ? null : (
          <ul className={styles.faults}>
            {faults.map(({ path, message }) => (
              <li key={path + message}>
                {path === '' ? null : <code>{path}</code>} {message}
              </li>
            ))}
          </ul>
        )}
        <p className={styles.code}>
          <code>{code}</code>
        </p>
      </div>
      {leftMs === undefined ? null : (
        // Not in the alert, which would be read out again each second.
        <p role="timer" className={styles.wait}>
          {waitText(leftMs)}
        </p>
      )}
    </div>
  );

  function waitText(ms: number): string {
    const time = waitTime(ms, i18n.language);
    if (retriesItself) return t('errors.retriesItself', { time });
    return ms > 0 ? t('errors.retryAfter', { time }) : t('errors.retryNow');
  }
}
