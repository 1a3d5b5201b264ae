import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useKicked } from '../../admin/room-queries.js';
import { toProblem } from '../../api/problem.js';
import { Ago } from '../../components/ago.js';
import people from '../../components/people.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useAdmit } from '../../rooms/use-admit.js';
import styles from './room-detail-page.module.css';

/** Who was put out, for those who may let them come again. */
export function Kicked({ roomId }: { roomId: string }) {
  const { t } = useTranslation();
  const query = useKicked(roomId);
  const admit = useAdmit(roomId);
  const kicked = query.data ?? [];
  const error = admit.error ?? query.error;
  if (kicked.length === 0 && !error) return null;
  return (
    <section className={styles.group} aria-labelledby="kicked">
      <h3 id="kicked">{t('room.kicked')}</h3>
      <ul className={people.people}>
        {kicked.map(({ participantId, username, kickedAt }) => (
          <li key={participantId} className={people.person} data-testid="kicked">
            <span className={people.who}>
              <bdi>{username}</bdi>
              <span className={people.soft}>
                {t('room.kickedAt')} <Ago at={kickedAt} />
              </span>
            </span>
            <Button
              variant="subtle"
              size="sm"
              aria-label={t('room.admitAgainNamed', { name: username })}
              loading={admit.isPending && admit.variables === participantId}
              onClick={() => admit.mutate(participantId)}
            >
              {t('room.admitAgain')}
            </Button>
          </li>
        ))}
      </ul>
      <ProblemNote problem={error ? toProblem(error) : undefined} />
    </section>
  );
}
