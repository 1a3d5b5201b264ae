import type { Room } from '@bongsu/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { type RefObject, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys, useParticipants } from '../../admin/room-queries.js';
import { Lobby } from '../../rooms/lobby.js';
import styles from './call-page.module.css';

interface LobbyPanelProps {
  room: Room;
  knocks: number;
  heading: RefObject<HTMLElement | null>;
}

/** Who waits to be let in, for those who may. */
export function LobbyPanel({ room, knocks, heading }: LobbyPanelProps) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const { roomId } = room;
  const people = useParticipants(roomId, { enabled: room.lobby });
  // biome-ignore lint/correctness/useExhaustiveDependencies: somebody knocked
  useEffect(() => {
    void queryClient.invalidateQueries({ queryKey: roomKeys.people(roomId) });
  }, [queryClient, roomId, knocks]);
  const waiting = people.data?.filter(({ state }) => state === 'waiting') ?? [];
  const [first] = waiting;
  return (
    <>
      {/* One sentence: the list itself changes with every minute that somebody waits. */}
      <p role="status" className={styles.spoken}>
        {first ? t('call.waits', { count: waiting.length, name: first.username }) : null}
      </p>
      {first ? (
        <section className={styles.lobby} aria-label={t('room.lobby')}>
          <h2>{t('room.lobby')}</h2>
          <Lobby roomId={roomId} waiting={waiting} heading={heading} />
        </section>
      ) : null}
    </>
  );
}
