import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useLetterOf } from '../admin/queries.js';
import type { LetterSought } from '../api/find-letter.js';
import styles from './commands.module.css';

/** What became of the dead letter of a delivery that was given up: it waits, it was sent again, or it is gone. */
export function LetterLine({ sought }: { sought: LetterSought }) {
  const { t } = useTranslation();
  const { data: found } = useLetterOf(sought);
  const { commandId, senderId, screenId, reason } = sought;
  if (found === undefined) return null;
  if (found === 'gone') return <span className={styles.letter}>{t('commands.letterGone')}</span>;
  const only = { screen: screenId, ...(reason ? { reason } : {}) };
  if (found === 'unknown') {
    return (
      <Link to="/dead-letters" search={only} className={styles.letter}>
        {t('letters.ofScreen')}
      </Link>
    );
  }
  return (
    <span className={styles.letter}>
      {found.requeuedAs === null ? null : (
        <>
          {t('commands.sentAgain')}{' '}
          <Link
            to="/commands/$commandId"
            params={{ commandId: found.requeuedAs }}
            search={{ sender: found.from.userId }}
          >
            {t('letters.toCommand')}
          </Link>
        </>
      )}
      <Link
        to="/dead-letters"
        search={{ ...only, letter: commandId, ...(senderId ? { sender: senderId } : {}) }}
      >
        {t('commands.toLetter')}
      </Link>
    </span>
  );
}
