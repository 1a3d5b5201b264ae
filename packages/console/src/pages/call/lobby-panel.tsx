import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { mayManageRoom, roomKeys, useParticipants, useRoom } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { Lobby } from '../../rooms/lobby.js';
import styles from './call-page.module.css';

/** Who waits to be let in, for those who may. */
export function LobbyPanel({ roomId, knocks }: { roomId: string; knocks: number }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const user = useUser();
  const room = useRoom(roomId);
  const mayManage = mayManageRoom(user, room.data);
  const people = useParticipants(roomId, { enabled: mayManage && room.data?.lobby === true });
  // biome-ignore lint/correctness/useExhaustiveDependencies: somebody knocked
  useEffect(() => {
    void queryClient.invalidateQueries({ queryKey: roomKeys.people(roomId) });
  }, [queryClient, roomId, knocks]);
  const waiting = people.data?.filter(({ state }) => state === 'waiting') ?? [];
  return (
    <div role="status">
      {waiting.length > 0 ? (
        <section className={styles.lobby} aria-label={t('room.lobby')}>
          <h2>{t('room.lobby')}</h2>
          <Lobby roomId={roomId} waiting={waiting} />
        </section>
      ) : null}
    </div>
  );
}
