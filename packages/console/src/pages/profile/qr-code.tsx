import styles from './profile-page.module.css';
import type { QrPath } from './qr-path.js';

/** Dark on light by night as well: many scanners read nothing else. */
export function QrCode({ code, label }: { code: QrPath; label: string }) {
  return (
    <svg viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={label} className={styles.qr}>
      <path d={code.path} shapeRendering="crispEdges" />
    </svg>
  );
}
