import { useTranslation } from 'react-i18next';
import type { Tile } from '../../rooms/call-types.js';
import { type Enlarging, TileFrame } from './tile-frame.js';
import { Video } from './video.js';

interface OtherTileProps {
  tile: Tile;
  /** The same person as the reader, at another device or window. */
  own: boolean;
  allowed: number;
  onBlocked(): void;
  enlarging: Enlarging | undefined;
  /** For who may: asks first. */
  onPutOut: (() => void) | undefined;
}

export function OtherTile({ tile, own, allowed, onBlocked, enlarging, onPutOut }: OtherTileProps) {
  const { t } = useTranslation();
  const { username, stream, says } = tile;
  const shown = isSeen(tile);
  return (
    <TileFrame
      username={username}
      note={own ? t('call.otherDevice') : undefined}
      picture={shown}
      muted={says?.microphone === false}
      sharing={says?.screen === true}
      trouble={useTrouble(tile)}
      enlarging={enlarging}
      onPutOut={onPutOut}
    >
      <Video
        stream={stream}
        label={t('call.pictureOf', { name: username })}
        shown={shown}
        allowed={allowed}
        onBlocked={onBlocked}
      />
    </TileFrame>
  );
}

/** Who said nothing may be another app, which is shown as it comes. */
function isSeen({ stream, says }: Tile): boolean {
  if (!stream || stream.getVideoTracks().length === 0) return false;
  return says === undefined || says.camera || says.screen;
}

function useTrouble({ seat, link, username }: Tile): string | undefined {
  const { t } = useTranslation();
  if (seat === 'reconnecting') return t('call.trouble.reconnecting', { name: username });
  if (link === 'connected') return undefined;
  const isBroken = link === 'disconnected' || link === 'failed';
  return isBroken ? t('call.trouble.broken') : t('call.trouble.connecting');
}
