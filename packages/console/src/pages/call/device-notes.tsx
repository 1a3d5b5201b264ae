import { useTranslation } from 'react-i18next';
import {
  DEVICE_KINDS,
  type DeviceKind,
  type DeviceState,
  type MediaState,
  type Refusal,
} from '../../rooms/media-types.js';
import styles from './call-page.module.css';

const REFUSALS: readonly DeviceState[] = ['denied', 'missing', 'busy', 'insecure'] satisfies Refusal[];

/** What does not work, and what goes on all the same. */
export function DeviceNotes({ media }: { media: MediaState }) {
  const { t } = useTranslation();
  const refused = DEVICE_KINDS.filter((kind) => REFUSALS.includes(media[kind]));
  const replaced = DEVICE_KINDS.filter((kind) => media.unusable[kind]);
  const screenFailed = media.screen === 'failed';
  if (refused.length + replaced.length === 0 && !screenFailed) return null;
  return (
    <div role="alert" className={styles.refused}>
      {replaced.map((kind) => (
        <p key={kind}>{t('call.unusable', { name: nameOf(kind) })}</p>
      ))}
      {refused.map((kind) => (
        <p key={kind}>{t(`call.refused.${kind}.${media[kind] as Refusal}`)}</p>
      ))}
      {refused.length > 0 ? <p>{t('call.listenAnyway')}</p> : null}
      {screenFailed ? <p>{t('call.screenFailed')}</p> : null}
    </div>
  );

  function nameOf(kind: DeviceKind): string {
    return media.unusable[kind]?.label || t(`call.device.${kind}`);
  }
}
