import type { Room } from '@bongsu/protocol';
import { type CSSProperties, type RefObject, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { mayManageRoom } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { useFocusKept } from '../../components/use-focus-kept.js';
import type { CallState, Tile } from '../../rooms/call-types.js';
import { PutOutDialog, usePutOut } from '../../rooms/put-out-dialog.js';
import styles from './call-page.module.css';
import { OtherTile } from './other-tile.js';
import { OwnTile } from './own-tile.js';
import { arrange, type Choice, largeOf, OWN, sharerOf } from './spotlight.js';

interface TilesProps {
  state: CallState;
  roomId: string;
  room: Room | undefined;
  /** Where the focus goes when the last one has left. */
  heading: RefObject<HTMLElement | null>;
  allowed: number;
  onBlocked(): void;
}

/** All who are in the call, as large as the window lets them be. */
export function Tiles({ state, roomId, room, heading, allowed, onBlocked }: TilesProps) {
  const { t } = useTranslation();
  const user = useUser();
  const { tiles } = state;
  const sharer = sharerOf(tiles);
  const [choice, setChoice] = useState<Choice>();
  const [before, setBefore] = useState(sharer);
  // Whatever was chosen while somebody else shared a screen, or nobody, was chosen beside something else.
  if (before !== sharer) {
    setBefore(sharer);
    setChoice(undefined);
  }
  const kept = useFocusKept(heading);
  const { person, ask, ...dialog } = usePutOut();
  const mayManage = mayManageRoom(user, room);
  const mayPutOut = ({ userId }: Tile) => mayManage && userId !== room?.ownerId && userId !== user?.userId;
  const large = largeOf(tiles, choice);
  const { columns, rows } = arrange(tiles.length + 1, large !== undefined);
  function enlargingOf(id: string) {
    if (tiles.length === 0) return undefined;
    const isLarge = large === id;
    return { large: isLarge, onToggle: () => setChoice(isLarge ? null : id) };
  }
  return (
    <div className={styles.stage}>
      <ul
        className={styles.tiles}
        style={{ '--columns': columns, '--rows': rows } as CSSProperties}
        data-spotlight={large !== undefined}
        aria-label={t('call.people')}
        {...kept}
      >
        <OwnTile state={state} username={user?.username ?? ''} enlarging={enlargingOf(OWN)} />
        {tiles.map((tile) => (
          <OtherTile
            key={tile.participantId}
            tile={tile}
            own={tile.userId === user?.userId}
            allowed={allowed}
            onBlocked={onBlocked}
            enlarging={enlargingOf(tile.participantId)}
            onPutOut={mayPutOut(tile) ? () => ask(tile) : undefined}
          />
        ))}
      </ul>
      {person ? <PutOutDialog roomId={roomId} kind="kick" person={person} {...dialog} /> : null}
    </div>
  );
}
