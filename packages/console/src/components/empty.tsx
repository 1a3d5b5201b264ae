import type { ReactNode } from 'react';
import styles from './empty.module.css';
import { Ridge } from './ridge.js';

/** Nothing here yet, and what to do about it. */
export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={styles.empty}>
      <div className={styles.text}>
        <h2>{title}</h2>
        {children}
      </div>
      <Ridge lit={0} className={styles.ridge} />
    </section>
  );
}
