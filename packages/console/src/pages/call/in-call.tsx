import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { mayManageRoom, roomKeys, useRoom } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { Copyable } from '../../components/copyable.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import type { Call } from '../../rooms/call.js';
import { callLink } from '../../rooms/call-link.js';
import type { CallState } from '../../rooms/call-types.js';
import { LockButton } from '../../rooms/lock-button.js';
import styles from './call-page.module.css';
import { DeviceChoice } from './device-choice.js';
import { DeviceNotes } from './device-notes.js';
import { DeviceToggles } from './device-toggles.js';
import { LeaveGuard } from './leave-guard.js';
import { LobbyPanel } from './lobby-panel.js';
import { ShareScreen } from './share-screen.js';
import { Tiles } from './tiles.js';

interface InCallProps {
  call: Call;
  state: CallState;
  roomId: string;
  name: string;
}

export function InCall({ call, state, roomId, name }: InCallProps) {
  const { t } = useTranslation();
  const user = useUser();
  const { tiles, media, phase } = state;
  const [blocked, setBlocked] = useState(false);
  const [allowed, setAllowed] = useState(0);
  const queryClient = useQueryClient();
  // A member may read what was refused before.
  useEffect(() => {
    void queryClient.invalidateQueries({ queryKey: roomKeys.rooms });
  }, [queryClient]);
  const room = useRoom(roomId).data;
  const mayManage = mayManageRoom(user, room);
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that had the focus is gone.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const away = tiles.filter(({ seat }) => seat === 'reconnecting');
  function allowSound() {
    setBlocked(false);
    setAllowed(allowed + 1);
  }
  return (
    <div className={styles.call}>
      <header className={page.head}>
        <div>
          <h1 ref={heading} tabIndex={-1} className={styles.title}>
            <bdi>{name}</bdi>
          </h1>
          <p role="status" className={page.lead}>
            {phase === 'reconnecting' ? t('call.weReconnect') : t('call.count', { count: tiles.length + 1 })}
          </p>
          {tiles.length === 0 ? (
            <p className={styles.invite}>
              {t('call.invite')} <Copyable value={callLink(roomId)} label={t('room.link')} />
            </p>
          ) : null}
        </div>
        {blocked ? (
          <Button leftSection={<Icon name="sound" />} onClick={allowSound}>
            {t('call.allowSound')}
          </Button>
        ) : null}
        {mayManage && room ? <LockButton room={room} /> : null}
      </header>
      <p role="status" className={styles.spoken}>
        {away.map(({ username }) => t('call.trouble.reconnecting', { name: username })).join('. ')}
      </p>
      {mayManage && room ? <LobbyPanel room={room} knocks={state.knocks} heading={heading} /> : null}
      <Tiles
        state={state}
        roomId={roomId}
        room={room}
        heading={heading}
        allowed={allowed}
        onBlocked={() => setBlocked(true)}
      />
      <DeviceNotes media={media} />
      <div className={styles.controls}>
        <fieldset className={styles.bar} aria-label={t('call.controls')}>
          <DeviceToggles call={call} media={media} />
          <ShareScreen call={call} screen={media.screen} />
          <Button color="red" leftSection={<Icon name="leave" />} onClick={() => call.leave()}>
            {t('call.leave')}
          </Button>
        </fieldset>
        <DeviceChoice call={call} media={media} />
      </div>
      <LeaveGuard call={call} />
    </div>
  );
}
