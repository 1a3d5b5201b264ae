import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import { BusyButton } from '../../rooms/busy-button.js';
import type { Call } from '../../rooms/call.js';
import type { MediaState } from '../../rooms/media-types.js';

/** Phones have no screen to share. */
const CAN_SHARE = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

export function ShareScreen({ call, screen }: { call: Call; screen: MediaState['screen'] }) {
  const { t } = useTranslation();
  if (!CAN_SHARE) return null;
  const sharing = screen === 'on';
  return (
    <BusyButton
      variant={sharing ? 'light' : 'default'}
      leftSection={<Icon name="screen" />}
      busy={screen === 'starting'}
      onClick={() => (sharing ? call.media.stopSharing() : void call.media.shareScreen())}
    >
      {sharing ? t('call.stopSharing') : t('call.share')}
    </BusyButton>
  );
}
