import styles from './ridge.module.css';

/** The beacons on the ridge in the order they are lit: from the middle, which narrow windows show too. */
const BEACONS = [
  { x: 720, y: 133 },
  { x: 1010, y: 92 },
  { x: 415, y: 116 },
  { x: 1310, y: 122 },
  { x: 130, y: 150 },
];

/**
 * Mountains at dusk with five beacons, as Joseon's relay had them: one fire says that all is well, five that help
 * is needed now. `lit` tells how many burn.
 */
export function Ridge({ className, lit = 1 }: { className?: string | undefined; lit?: number }) {
  return (
    <svg
      viewBox="0 0 1440 260"
      preserveAspectRatio="xMidYMax slice"
      className={`${styles.ridge} ${className ?? ''}`}
      aria-hidden="true"
      focusable="false"
    >
      <path
        className={styles.far}
        d="M0 150 110 96 210 138 330 60 452 122 560 88 690 140 830 52 960 116 1090 70 1200 120 1330 66 1440 112V260H0Z"
      />
      <path
        className={styles.mid}
        d="M0 200 70 176 130 158 220 200 318 172 415 124 540 190 640 168 720 141 830 186 930 150 1010 100 1120 178 1220 164 1310 130 1390 166 1440 150V260H0Z"
      />
      {BEACONS.map(({ x, y }, index) => (
        <g key={x} transform={`translate(${x} ${y})`} className={index < lit ? styles.lit : styles.unlit}>
          <circle r="26" className={styles.halo} />
          <path className={styles.tower} d="M-7 12-5 0H5L7 12Z" />
          <path
            className={styles.fire}
            d="M0-15C1-10 6-8 6-3.500A6 6 0 0 1-6-3.500C-6-6-4-8-3-9.500-2.700-8-2-7-1.300-6.800-2-10-1.200-13 0-15Z"
          />
        </g>
      ))}
      <path
        className={styles.near}
        d="M0 238 150 206 290 236 470 200 640 240 800 214 980 242 1150 204 1300 236 1440 210V260H0Z"
      />
    </svg>
  );
}
