import type { Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import { useScreensById } from '../../admin/use-screens-by-id.js';
import { toProblem } from '../../api/problem.js';
import { ScreenLink } from '../../commands/screen-link.js';
import detail from '../../components/detail.module.css';
import page from '../../components/page.module.css';
import people from '../../components/people.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { ScreenState } from '../../components/screen-state.js';
import { AddScreen } from './add-screen.js';
import { CommandScreens } from './command-screens.js';

interface RoomScreensProps {
  room: Room;
  mayManage: boolean;
  mayAdd: boolean;
  mayCommand: boolean;
}

/** The screens that carry out what is sent to the room. */
export function RoomScreens({ room, mayManage, mayAdd, mayCommand }: RoomScreensProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const known = useScreensById();
  const { roomId, screens } = room;
  const free = [...known.values()].filter(({ screenId }) => !screens.includes(screenId));
  const change = useMutation({
    mutationFn: ({ id, put }: { id: string; put: boolean }) =>
      put ? api.putRoomScreen(roomId, id) : api.deleteRoomScreen(roomId, id),
    onSettled: () => queryClient.invalidateQueries({ queryKey: roomKeys.facts(roomId) }),
  });
  return (
    <section className={`${page.panel} ${detail.section}`} aria-labelledby="screens">
      <div>
        <h2 id="screens">{t('screens.title')}</h2>
        <p className={detail.hint}>{t('room.screensLead')}</p>
      </div>
      {screens.length === 0 ? (
        <p>{t('room.noScreens')}</p>
      ) : (
        <ul className={people.people}>
          {screens.map((id) => {
            const screen = known.get(id);
            const name = screen?.name ?? id;
            return (
              <li key={id} className={people.person} data-testid="member-screen">
                <span className={people.who}>
                  <ScreenLink screenId={id} />
                  <span className={people.soft}>{screen ? <ScreenState screen={screen} /> : null}</span>
                </span>
                {screen || mayManage ? (
                  <Button
                    variant="subtle"
                    size="sm"
                    aria-label={t('room.takeOutNamed', { name })}
                    loading={change.isPending && change.variables.id === id}
                    onClick={() => change.mutate({ id, put: false })}
                  >
                    {t('room.takeOut')}
                  </Button>
                ) : null}
              </li>
            );
          })}
        </ul>
      )}
      {mayCommand && screens.length > 0 ? <CommandScreens room={room} /> : null}
      {mayAdd && free.length > 0 ? (
        <AddScreen free={free} pending={change.isPending} onAdd={(id) => change.mutate({ id, put: true })} />
      ) : null}
      <ProblemNote problem={change.error ? toProblem(change.error) : undefined} />
    </section>
  );
}
