import type { Participant, Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useParticipants } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import { Ago } from '../../components/ago.js';
import detail from '../../components/detail.module.css';
import page from '../../components/page.module.css';
import people from '../../components/people.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Tag } from '../../components/tag.js';
import { useFocusKept } from '../../components/use-focus-kept.js';
import { Lobby } from '../../rooms/lobby.js';
import { PutOutDialog, usePutOut } from '../../rooms/put-out-dialog.js';
import { Kicked } from './kicked.js';
import styles from './room-detail-page.module.css';

/** Who is in the room at this moment, who waits at its door, and who was put out. */
export function People({ room, mayManage }: { room: Room; mayManage: boolean }) {
  const { t } = useTranslation();
  const query = useParticipants(room.roomId);
  const { person, ask, ...dialog } = usePutOut();
  const heading = useRef<HTMLHeadingElement>(null);
  const kept = useFocusKept(heading);
  const all = query.data ?? [];
  const seated = all.filter(({ state }) => state !== 'waiting');
  const waiting = all.filter(({ state }) => state === 'waiting');
  return (
    <section className={`${page.panel} ${detail.section}`} aria-labelledby="people">
      <h2 id="people" ref={heading} tabIndex={-1} className={styles.heading}>
        {t('room.people')}
      </h2>
      {mayManage && waiting.length > 0 ? (
        <section className={`${styles.group} ${styles.lobby}`} aria-labelledby="lobby">
          <h3 id="lobby">{t('room.lobby')}</h3>
          <Lobby roomId={room.roomId} waiting={waiting} heading={heading} />
        </section>
      ) : null}
      {seated.length === 0 ? (
        <p>{t('room.nobody')}</p>
      ) : (
        <ul className={people.people} {...kept}>
          {seated.map((participant) => (
            <Person
              key={participant.participantId}
              participant={participant}
              mayKick={mayManage && participant.userId !== room.ownerId}
              onKick={() => ask(participant)}
            />
          ))}
        </ul>
      )}
      {mayManage ? <Kicked roomId={room.roomId} /> : null}
      <ProblemNote problem={query.error ? toProblem(query.error) : undefined} />
      {person ? <PutOutDialog roomId={room.roomId} kind="kick" person={person} {...dialog} /> : null}
    </section>
  );
}

interface PersonProps {
  participant: Participant;
  mayKick: boolean;
  onKick(): void;
}

function Person({ participant, mayKick, onKick }: PersonProps) {
  const { t } = useTranslation();
  const user = useUser();
  const { username, userId, state, joinedAt } = participant;
  return (
    <li className={people.person} data-testid="participant">
      <span className={people.who}>
        <span>
          <bdi>{username}</bdi> {userId === user?.userId ? <Tag>{t('call.you')}</Tag> : null}{' '}
          {state === 'reconnecting' ? <Tag tone="alert">{t('room.reconnecting')}</Tag> : null}
        </span>
        <span className={people.soft}>
          {t('room.joined')} <Ago at={joinedAt} />
        </span>
      </span>
      {mayKick ? (
        <Button
          variant="subtle"
          color="red"
          size="sm"
          aria-label={t('room.kickNamed', { name: username })}
          onClick={onKick}
        >
          {t('room.kick')}
        </Button>
      ) : null}
    </li>
  );
}
