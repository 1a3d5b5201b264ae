import { useTranslation } from 'react-i18next';
import type { Problem } from '../api/problem.js';
import { seconds } from '../format/format.js';
import styles from './problem-note.module.css';

/** A failure in words: what it means, what to do, and the code to look it up by. */
export function ProblemNote({ problem }: { problem: Problem | undefined }) {
  const { t, i18n } = useTranslation();
  if (!problem) return null;
  const { code, faults, retryAfterMs } = problem;
  return (
    <div role="alert" className={styles.note}>
      <p className={styles.meaning}>{t(`errors.${code}.meaning`)}</p>
      <p>
        {t(`errors.${code}.todo`)}
        {retryAfterMs === undefined
          ? null
          : ` ${t('errors.retryAfter', { time: seconds(retryAfterMs, i18n.language) })}`}
      </p>
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
  );
}
