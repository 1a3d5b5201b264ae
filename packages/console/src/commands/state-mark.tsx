import { useTranslation } from 'react-i18next';
import { Flame } from '../components/brand.js';
import { Icon, type IconName } from '../components/icon.js';
import type { ShownState } from './command-state.js';
import styles from './state-mark.module.css';

/** A shape of its own for each state, so that nobody needs to tell colours apart. */
const ICONS: Record<Exclude<ShownState, 'executed'>, IconName> = {
  waiting: 'clock',
  retrying: 'again',
  partial: 'contrast',
  dead: 'cross',
  expired: 'hourglass',
  superseded: 'skip',
  cancelled: 'slash',
};

/** What became of a command: a shape and a word. What was executed burns. */
export function StateMark({ state }: { state: ShownState }) {
  const { t } = useTranslation();
  return (
    <span className={styles.mark} data-state={state}>
      {state === 'executed' ? <Flame className={styles.flame} /> : <Icon name={ICONS[state]} />}
      {t(`command.${state}`)}
    </span>
  );
}
