const PATHS = {
  contrast: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 0v18',
  check: 'm5 12.500 4.500 4.500L19 7.500',
  down: 'm6 9.500 6 6 6-6',
  plus: 'M12 5v14M5 12h14',
  back: 'm14 6-6 6 6 6',
  external: 'M14 5h5v5M19 5l-8 8M9 6H5v13h13v-4',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
};

/** Strokes in the colour of the text. Decoration only: what holds it carries the words. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width="1.125em"
      height="1.125em"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.800"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
