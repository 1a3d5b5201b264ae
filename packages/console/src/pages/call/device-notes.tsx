import { useTranslation } from 'react-i18next';
import type { DeviceKind, DeviceState, MediaState, Refusal } from '../../rooms/local-media.js';
import styles from './call-page.module.css';

const KINDS: readonly DeviceKind[] = ['microphone', 'camera'];
const REFUSALS: readonly DeviceState[] = ['denied', 'missing', 'busy', 'insecure'] satisfies Refusal[];

/** Why others will not hear or see somebody, and that they can be heard and seen all the same. */
export function DeviceNotes({ media }: { media: MediaState }) {
  const { t } = useTranslation();
  const refused = KINDS.filter((kind) => REFUSALS.includes(media[kind]));
  if (refused.length === 0) return null;
  return (
    <div role="alert" className={styles.refused}>
      {refused.map((kind) => (
        <p key={kind}>{t(`call.refused.${kind}.${media[kind] as Refusal}`)}</p>
      ))}
      <p>{t('call.listenAnyway')}</p>
    </div>
  );
}
