import styles from './beacon.module.css';
import { Flame } from './brand.js';

/** A beacon tower: burning while its screen is online. The word for it stands beside it. */
export function Beacon({ lit }: { lit: boolean }) {
  return (
    <span className={styles.beacon} data-lit={lit} aria-hidden="true">
      <Flame className={styles.fire} />
      <svg viewBox="0 0 24 12" className={styles.tower} focusable="false" aria-hidden="true">
        <path d="M6 0h12l4 12H2z" fill="currentColor" />
      </svg>
    </span>
  );
}
