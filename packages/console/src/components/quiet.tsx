import type { ReactNode } from 'react';
import { BrandLink } from './brand.js';
import styles from './quiet.module.css';
import { Ridge } from './ridge.js';

/** The page around one short thing: signing in, a dead link, a server that is away. */
export function Quiet({ children }: { children: ReactNode }) {
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <BrandLink />
      </header>
      <main className={styles.main}>
        <div className={styles.card}>{children}</div>
      </main>
      <Ridge className={styles.ridge} />
    </div>
  );
}
