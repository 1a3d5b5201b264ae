import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import type { Call } from '../../rooms/call.js';
import type { CallState } from '../../rooms/call-types.js';
import styles from './call-page.module.css';
import { DeviceChoice } from './device-choice.js';
import { DeviceNotes } from './device-notes.js';
import { DeviceToggles } from './device-toggles.js';
import { LobbyPanel } from './lobby-panel.js';
import { OtherTile } from './other-tile.js';
import { OwnTile } from './own-tile.js';

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
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that had the focus is gone.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  function allowSound() {
    setBlocked(false);
    setAllowed(allowed + 1);
  }
  return (
    <>
      <header className={page.head}>
        <div>
          <h1 ref={heading} tabIndex={-1} className={styles.title}>
            <bdi>{name}</bdi>
          </h1>
          <p role="status" className={page.lead}>
            {phase === 'reconnecting' ? t('call.weReconnect') : t('call.count', { count: tiles.length + 1 })}
          </p>
        </div>
        {blocked ? (
          <Button leftSection={<Icon name="sound" />} onClick={allowSound}>
            {t('call.allowSound')}
          </Button>
        ) : null}
      </header>
      <LobbyPanel roomId={roomId} knocks={state.knocks} />
      <ul className={styles.grid} data-count={Math.min(tiles.length + 1, 5)} aria-label={t('call.people')}>
        <OwnTile state={state} username={user?.username ?? ''} />
        {tiles.map((tile) => (
          <OtherTile
            key={tile.participantId}
            tile={tile}
            own={tile.userId === user?.userId}
            allowed={allowed}
            onBlocked={() => setBlocked(true)}
          />
        ))}
      </ul>
      <DeviceNotes media={media} />
      <div className={styles.bar} role="toolbar" aria-label={t('call.controls')}>
        <DeviceToggles call={call} media={media} />
        <ShareScreen call={call} screen={media.screen} />
        <Button color="red" leftSection={<Icon name="leave" />} onClick={() => call.leave()}>
          {t('call.leave')}
        </Button>
      </div>
      <DeviceChoice call={call} media={media} />
    </>
  );
}

/** Phones have no screen to share. */
const CAN_SHARE = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

function ShareScreen({ call, screen }: { call: Call; screen: CallState['media']['screen'] }) {
  const { t } = useTranslation();
  if (!CAN_SHARE) return null;
  const sharing = screen === 'on';
  return (
    <Button
      variant={sharing ? 'light' : 'default'}
      leftSection={<Icon name="screen" />}
      loading={screen === 'starting'}
      onClick={() => (sharing ? call.media.stopSharing() : void call.media.shareScreen())}
    >
      {sharing ? t('call.stopSharing') : t('call.share')}
    </Button>
  );
}
