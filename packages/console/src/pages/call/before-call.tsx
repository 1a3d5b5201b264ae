import { Button } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useUser } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import page from '../../components/page.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { BusyButton } from '../../rooms/busy-button.js';
import type { Call } from '../../rooms/call.js';
import type { CallEnd, CallState } from '../../rooms/call-types.js';
import type { MediaState } from '../../rooms/media-types.js';
import styles from './call-page.module.css';
import { DeviceChoice } from './device-choice.js';
import { DeviceNotes } from './device-notes.js';
import { DeviceToggles } from './device-toggles.js';
import { OwnTile } from './own-tile.js';

interface BeforeCallProps {
  call: Call;
  state: CallState;
  name: string;
}

/** A look at oneself before others have one; after a call, how it ended. */
export function BeforeCall({ call, state, name }: BeforeCallProps) {
  const { t } = useTranslation();
  const user = useUser();
  const heading = useRef<HTMLHeadingElement>(null);
  const { end } = state;
  const { phase, participantId } = state;
  // What had the focus is gone with the call, or with our seat in it.
  const isOut = end !== undefined || participantId !== undefined;
  useEffect(() => {
    if (isOut) heading.current?.focus({ preventScroll: true });
  }, [isOut]);
  const joining = phase === 'joining' || phase === 'waiting';
  return (
    <>
      <header className={page.head}>
        <h1 ref={heading} tabIndex={-1} className={styles.title}>
          <bdi>{name}</bdi>
        </h1>
      </header>
      <div className={styles.before}>
        <ul className={styles.preview} aria-label={t('call.preview')}>
          <OwnTile state={state} username={user?.username ?? ''} />
        </ul>
        <div className={page.stack}>
          <HowItEnded end={end} />
          <Resting kinds={state.media.resting} />
          <DeviceNotes media={state.media} />
          <div className={styles.bar}>
            <DeviceToggles call={call} media={state.media} />
          </div>
          <DeviceChoice call={call} media={state.media} />
          <div className={styles.enter}>
            {joining ? (
              <Button variant="default" onClick={() => call.leave()}>
                {t('common.cancel')}
              </Button>
            ) : null}
            <BusyButton size="md" busy={joining} onClick={() => void call.join()}>
              {end ? t('call.joinAgain') : t('call.join')}
            </BusyButton>
          </div>
          <p role="status" className={styles.soft}>
            {phase === 'joining' ? t('call.joining') : null}
            {phase === 'waiting' ? t('call.waiting') : null}
          </p>
        </div>
      </div>
    </>
  );
}

/** Why the lights are out, and that they come on again. */
function Resting({ kinds }: { kinds: MediaState['resting'] }) {
  const { t } = useTranslation();
  const [kind] = kinds;
  if (!kind) return null;
  return <p className={styles.soft}>{t(`call.resting.${kinds.length > 1 ? 'both' : kind}`)}</p>;
}

const TOLD = ['left', 'timeout', 'kicked', 'closed', 'empty', 'idle', 'replaced', 'disconnected'] as const;

function HowItEnded({ end }: { end: CallEnd | undefined }) {
  const { t } = useTranslation();
  if (!end) return null;
  if (end.error) return <ProblemNote problem={toProblem(end.error)} />;
  const reason = TOLD.find((one) => one === end.reason) ?? 'disconnected';
  return (
    <p role="status" className={styles.ended}>
      {t(`call.ended.${reason}`)}
    </p>
  );
}
