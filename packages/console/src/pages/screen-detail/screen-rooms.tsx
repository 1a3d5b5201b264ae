import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { keys, useScreenRooms } from '../../admin/queries.js';
import { useServices } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import detail from '../../components/detail.module.css';
import page from '../../components/page.module.css';
import people from '../../components/people.module.css';
import { ProblemNote } from '../../components/problem-note.js';

/** The rooms that command the screen; nothing while there is none. */
export function ScreenRooms({ screenId }: { screenId: string }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const { data = [] } = useScreenRooms(screenId);
  const takeOut = useMutation({
    mutationFn: (roomId: string) => api.deleteRoomScreen(roomId, screenId),
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.screenRooms(screenId) }),
  });
  if (data.length === 0) return null;
  return (
    <section className={`${page.panel} ${detail.section}`} aria-labelledby="rooms">
      <div>
        <h2 id="rooms">{t('rooms.title')}</h2>
        <p className={detail.hint}>{t('screenRooms.lead')}</p>
      </div>
      <ul className={people.people}>
        {data.map(({ roomId, addedBy }) => (
          <li key={roomId} className={people.person} data-testid="screen-room">
            <span className={people.who}>
              {/* No link: to who is in a room of others it is a page, to the owner of the screen it need not be. */}
              <code>{roomId}</code>
              <span className={people.soft}>{t('screenRooms.addedBy', { name: addedBy.username })}</span>
            </span>
            <Button
              variant="subtle"
              size="sm"
              aria-label={t('screenRooms.takeOutOf', { room: roomId })}
              loading={takeOut.isPending && takeOut.variables === roomId}
              onClick={() => takeOut.mutate(roomId)}
            >
              {t('screenRooms.takeOut')}
            </Button>
          </li>
        ))}
      </ul>
      <ProblemNote problem={takeOut.error ? toProblem(takeOut.error) : undefined} />
    </section>
  );
}
