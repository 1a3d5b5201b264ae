import { useTranslation } from 'react-i18next';
import type { CallState } from '../../rooms/call-types.js';
import { type Enlarging, TileFrame } from './tile-frame.js';
import { Video } from './video.js';

interface OwnTileProps {
  state: CallState;
  username: string;
  enlarging?: Enlarging | undefined;
}

export function OwnTile({ state, username, enlarging }: OwnTileProps) {
  const { t } = useTranslation();
  const { media, picture, phase } = state;
  const sharing = media.screen === 'on';
  return (
    <TileFrame
      username={username}
      note={t('call.you')}
      picture={picture !== undefined}
      muted={!media.sends.microphone}
      sharing={sharing}
      trouble={phase === 'reconnecting' ? t('room.reconnecting') : undefined}
      enlarging={enlarging}
    >
      <Video
        stream={picture}
        label={t('call.ownPicture')}
        shown={picture !== undefined}
        mirrored={!sharing}
        muted
      />
    </TileFrame>
  );
}
