import { NativeSelect } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import type { Call } from '../../rooms/call.js';
import { DEVICE_KINDS, type MediaState } from '../../rooms/media-types.js';
import styles from './call-page.module.css';

interface DeviceChoiceProps {
  call: Call;
  media: MediaState;
  /** With words above; else in a row with buttons. */
  labelled?: boolean;
}

/** Which microphone and which camera, for those who have several. */
export function DeviceChoice({ call, media, labelled = false }: DeviceChoiceProps) {
  const { t } = useTranslation();
  const several = DEVICE_KINDS.filter((kind) => media.devices[kind].length > 1);
  if (several.length === 0) return null;
  return (
    <div className={labelled ? styles.choice : styles.choiceRow}>
      {several.map((kind) => (
        <NativeSelect
          key={kind}
          {...(labelled
            ? { label: t(`call.device.${kind}`) }
            : { 'aria-label': t(`call.device.${kind}`), leftSection: <Icon name={kind} /> })}
          value={media.chosen[kind] ?? ''}
          onChange={(event) => void call.media.choose(kind, event.currentTarget.value)}
          data={media.devices[kind].map(({ id, label }, index) => ({
            value: id,
            label: label || t('call.device.unnamed', { number: index + 1 }),
          }))}
        />
      ))}
    </div>
  );
}
