import { useTranslation } from 'react-i18next';
import { Icon, type IconName } from '../components/icon.js';
import type { DriftState } from './drift.js';
import styles from './drift.module.css';

const ICONS: Record<Exclude<DriftState, 'same'>, IconName> = {
  differs: 'unequal',
  coming: 'clock',
  away: 'clock',
};

/** A calm word for a display that shows something else; nothing where all is as it should be. */
export function DriftMark({ state }: { state: DriftState }) {
  const { t } = useTranslation();
  if (state === 'same') return null;
  return (
    <span className={styles.mark} data-state={state} data-testid="drift">
      <Icon name={ICONS[state]} /> {t(`shown.state.${state}`)}
    </span>
  );
}
