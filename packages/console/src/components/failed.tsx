import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { isWorthRetry, toProblem } from '../api/problem.js';
import { waitTime } from '../format/format.js';
import styles from './failed.module.css';
import { ProblemNote } from './problem-note.js';
import { useCountdown } from './use-countdown.js';

interface FailedProps {
  error: unknown;
  onRetry(): void;
  /** Another try is under way. */
  retrying?: boolean;
  /** Where to go from what is not there. */
  back?: ReactNode;
}

/**
 * In place of what could not be read: what went wrong, and another try where one may help. When the server said how
 * long to wait, the try comes by itself.
 */
export function Failed({ error, onRetry, retrying = false, back }: FailedProps) {
  const { t, i18n } = useTranslation();
  const problem = toProblem(error);
  const leftMs = useCountdown(error, problem.retryAfterMs, onRetry);
  return (
    <div className={styles.failed}>
      <ProblemNote problem={{ ...problem, retryAfterMs: undefined }} />
      {leftMs === undefined ? null : (
        <p role="timer" className={styles.wait}>
          {t('errors.retriesItself', { time: waitTime(leftMs, i18n.language) })}
        </p>
      )}
      {isWorthRetry(problem) ? (
        <Button variant="default" loading={retrying} onClick={onRetry}>
          {t('common.tryAgain')}
        </Button>
      ) : (
        back
      )}
    </div>
  );
}
