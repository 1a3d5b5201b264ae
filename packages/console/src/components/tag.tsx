import type { ReactNode } from 'react';
import styles from './tag.module.css';

interface TagProps {
  children: ReactNode;
  /** `good`: what makes one safer. `alert`: what is switched off. Default: a plain fact. */
  tone?: 'plain' | 'good' | 'alert';
}

/** A word or two that tell a row from its neighbours. */
export function Tag({ children, tone = 'plain' }: TagProps) {
  return (
    <span className={styles.tag} data-tone={tone}>
      {children}
    </span>
  );
}
