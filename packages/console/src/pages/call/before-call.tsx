import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useUser } from '../../admin/services.js';
import { Beacon } from '../../components/beacon.js';
import page from '../../components/page.module.css';
import { BusyButton } from '../../rooms/busy-button.js';
import type { Call } from '../../rooms/call.js';
import { isForGood } from '../../rooms/call-end.js';
import type { CallState } from '../../rooms/call-types.js';
import type { MediaState } from '../../rooms/media-types.js';
import styles from './call-page.module.css';
import { DeviceChoice } from './device-choice.js';
import { DeviceNotes } from './device-notes.js';
import { DeviceToggles } from './device-toggles.js';
import { HowItEnded } from './how-it-ended.js';
import { OwnTile } from './own-tile.js';

interface BeforeCallProps {
  call: Call;
  state: CallState;
  name: string;
}

/** Before a call, and after it: how it ended, and the way back in where there is one. */
export function BeforeCall({ call, state, name }: BeforeCallProps) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  const { end, phase, participantId } = state;
  const waits = phase === 'waiting';
  // What had the focus is gone: with the call, with our seat in it, or because we wait now.
  const isGone = end !== undefined || participantId !== undefined || waits;
  useEffect(() => {
    if (isGone) heading.current?.focus({ preventScroll: true });
  }, [isGone]);
  return (
    <>
      <header className={page.head}>
        <h1 ref={heading} tabIndex={-1} className={styles.title}>
          <bdi>{name}</bdi>
        </h1>
      </header>
      {end && isForGood(end) ? (
        <div className={page.stack}>
          <HowItEnded end={end} />
          <Link to="/rooms">{t('room.toRooms')}</Link>
        </div>
      ) : (
        <Entrance call={call} state={state} />
      )}
    </>
  );
}

/** A look at oneself before others have one, and the way in. */
function Entrance({ call, state }: { call: Call; state: CallState }) {
  const { t } = useTranslation();
  const user = useUser();
  const { end, phase, media } = state;
  const waits = phase === 'waiting';
  const joining = phase === 'joining';
  return (
    <div className={styles.before}>
      <ul className={styles.preview} aria-label={t('call.preview')}>
        <OwnTile state={state} username={user?.username ?? ''} />
      </ul>
      <div className={page.stack}>
        <HowItEnded end={end} />
        <div role="status" className={styles.progress}>
          {waits ? (
            <p className={styles.waits}>
              <Beacon lit /> {t('call.waiting')}
            </p>
          ) : null}
          {joining ? <p className={styles.soft}>{t('call.joining')}</p> : null}
        </div>
        <Resting kinds={media.resting} />
        <DeviceNotes media={media} />
        <div className={styles.bar}>
          <DeviceToggles call={call} media={media} />
        </div>
        <DeviceChoice call={call} media={media} labelled />
        <div className={styles.enter}>
          {waits || joining ? (
            <Button variant="default" size="md" onClick={() => call.leave()}>
              {t('common.cancel')}
            </Button>
          ) : null}
          {waits ? null : (
            <BusyButton size="md" busy={joining} onClick={() => void call.join()}>
              {end ? t('call.joinAgain') : t('call.join')}
            </BusyButton>
          )}
        </div>
      </div>
    </div>
  );
}

/** Why the lights are out, and that they come on with the call. */
function Resting({ kinds }: { kinds: MediaState['resting'] }) {
  const { t } = useTranslation();
  const [kind] = kinds;
  if (!kind) return null;
  return <p className={styles.soft}>{t(`call.resting.${kinds.length > 1 ? 'both' : kind}`)}</p>;
}
