import { useMemo } from 'react';
import styles from './profile-page.module.css';
import { qrPath } from './qr-path.js';

/** Dark on light by night as well: many scanners read nothing else. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = useMemo(() => qrPath(text), [text]);
  return (
    <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} className={styles.qr}>
      <path d={path} shapeRendering="crispEdges" />
    </svg>
  );
}
