import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from './text-button.module.css';

/** It reads as a line of text, and begins where the lines do. */
export function TextButton({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <Button
      variant="subtle"
      size="compact-sm"
      className={styles.text}
      classNames={{ label: styles.label }}
      onClick={onClick}
    >
      {children}
    </Button>
  );
}
