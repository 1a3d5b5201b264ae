import type { Participant } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../api/problem.js';
import { Ago } from '../components/ago.js';
import people from '../components/people.module.css';
import { ProblemNote } from '../components/problem-note.js';
import { PutOutDialog, usePutOut } from './put-out-dialog.js';
import { useAdmit } from './use-admit.js';

/** Those who wait, each with a yes and a no. */
export function Lobby({ roomId, waiting }: { roomId: string; waiting: readonly Participant[] }) {
  const { t } = useTranslation();
  const { person, ask, ...dialog } = usePutOut();
  const admit = useAdmit(roomId);
  return (
    <>
      <ul className={people.people}>
        {waiting.map((knocker) => (
          <li key={knocker.participantId} className={people.person} data-testid="waiting">
            <span className={people.who}>
              <bdi>{knocker.username}</bdi>
              <span className={people.soft}>
                {t('room.came')} <Ago at={knocker.joinedAt} />
              </span>
            </span>
            <span className={people.actions}>
              <Button
                variant="subtle"
                color="red"
                size="sm"
                aria-label={t('room.refuseNamed', { name: knocker.username })}
                onClick={() => ask(knocker)}
              >
                {t('room.refuse')}
              </Button>
              <Button
                size="sm"
                aria-label={t('room.admitNamed', { name: knocker.username })}
                loading={admit.isPending && admit.variables === knocker.participantId}
                onClick={() => admit.mutate(knocker.participantId)}
              >
                {t('room.admit')}
              </Button>
            </span>
          </li>
        ))}
      </ul>
      <ProblemNote problem={admit.error ? toProblem(admit.error) : undefined} />
      {person ? <PutOutDialog roomId={roomId} kind="refuse" person={person} {...dialog} /> : null}
    </>
  );
}
