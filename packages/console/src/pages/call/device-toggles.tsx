import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import { BusyButton } from '../../rooms/busy-button.js';
import type { Call } from '../../rooms/call.js';
import type { MediaState } from '../../rooms/media-types.js';

/** Microphone and camera, each one button that says what it will do. */
export function DeviceToggles({ call, media }: { call: Call; media: MediaState }) {
  const { t } = useTranslation();
  const hears = media.microphone === 'on';
  const sees = media.camera === 'on';
  return (
    <>
      <BusyButton
        variant={hears ? 'default' : 'light'}
        leftSection={<Icon name={hears ? 'microphone' : 'microphoneOff'} />}
        busy={media.microphone === 'starting'}
        onClick={() => void call.media.setMicrophone(!hears)}
      >
        {hears ? t('call.mute') : t('call.unmute')}
      </BusyButton>
      <BusyButton
        variant={sees ? 'default' : 'light'}
        leftSection={<Icon name={sees ? 'camera' : 'cameraOff'} />}
        busy={media.camera === 'starting'}
        onClick={() => void call.media.setCamera(!sees)}
      >
        {sees ? t('call.cameraOff') : t('call.cameraOn')}
      </BusyButton>
    </>
  );
}
