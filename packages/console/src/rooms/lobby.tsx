import type { Participant } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import type { RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../api/problem.js';
import { Ago } from '../components/ago.js';
import people from '../components/people.module.css';
import { ProblemNote } from '../components/problem-note.js';
import { useFocusKept } from '../components/use-focus-kept.js';
import { BusyButton } from './busy-button.js';
import { PutOutDialog, usePutOut } from './put-out-dialog.js';
import { useAdmit } from './use-admit.js';

interface LobbyProps {
  roomId: string;
  waiting: readonly Participant[];
  /** Where the focus goes when nobody waits any more. */
  heading: RefObject<HTMLElement | null>;
}

/** Those who wait, each with a yes and a no. */
export function Lobby({ roomId, waiting, heading }: LobbyProps) {
  const { t } = useTranslation();
  const { person, ask, ...dialog } = usePutOut();
  const admit = useAdmit(roomId);
  const kept = useFocusKept(heading);
  return (
    <>
      <ul className={people.people} {...kept}>
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
              <BusyButton
                size="sm"
                aria-label={t('room.admitNamed', { name: knocker.username })}
                busy={admit.isPending && admit.variables === knocker.participantId}
                onClick={() => admit.mutate(knocker.participantId)}
              >
                {t('room.admit')}
              </BusyButton>
            </span>
          </li>
        ))}
      </ul>
      <ProblemNote problem={admit.error ? toProblem(admit.error) : undefined} />
      {person ? <PutOutDialog roomId={roomId} kind="refuse" person={person} {...dialog} /> : null}
    </>
  );
}
