import type { ReactNode } from 'react';
import styles from './done-note.module.css';

/** Says that what was asked for is done. Always there, so that a screen reader hears it come. */
export function DoneNote({ children }: { children: ReactNode }) {
  return (
    <div role="status" className={styles.live}>
      {children ? <p className={styles.done}>{children}</p> : null}
    </div>
  );
}
