import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import type { Call } from '../../rooms/call.js';
import type { MediaState } from '../../rooms/local-media.js';

/** Microphone and camera, each one button that says what it will do. */
export function DeviceToggles({ call, media }: { call: Call; media: MediaState }) {
  const { t } = useTranslation();
  const hears = media.microphone === 'on';
  const sees = media.camera === 'on';
  return (
    <>
      <Button
        variant={hears ? 'default' : 'light'}
        leftSection={<Icon name={hears ? 'microphone' : 'microphoneOff'} />}
        loading={media.microphone === 'starting'}
        onClick={() => void call.media.setMicrophone(!hears)}
      >
        {hears ? t('call.mute') : t('call.unmute')}
      </Button>
      <Button
        variant={sees ? 'default' : 'light'}
        leftSection={<Icon name={sees ? 'camera' : 'cameraOff'} />}
        loading={media.camera === 'starting'}
        onClick={() => void call.media.setCamera(!sees)}
      >
        {sees ? t('call.cameraOff') : t('call.cameraOn')}
      </Button>
    </>
  );
}
