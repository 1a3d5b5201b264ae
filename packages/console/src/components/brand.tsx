import { Link } from '@tanstack/react-router';
import styles from './brand.module.css';

export function BrandLink() {
  return (
    <Link to="/" className={styles.brand}>
      <Flame className={styles.mark} />
      <span>Bongsu</span>
    </Link>
  );
}

/** The fire on top of a beacon. */
export function Flame({ className }: { className?: string | undefined }) {
  return (
    <svg viewBox="0 0 24 24" className={className} aria-hidden="true" focusable="false">
      <path
        fill="currentColor"
        d="M12 1.500c.9 4.700 6.500 6.900 6.500 13a6.500 6.500 0 0 1-13 0c0-3.100 1.700-4.900 2.900-6.600.3 1.900.9 2.800 1.800 3.100C9.500 7.500 10.500 4.200 12 1.500Z"
      />
    </svg>
  );
}
