const PATHS = {
  contrast: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 0v18',
  check: 'm5 12.500 4.500 4.500L19 7.500',
  down: 'm6 9.500 6 6 6-6',
  plus: 'M12 5v14M5 12h14',
  back: 'm14 6-6 6 6 6',
  external: 'M14 5h5v5M19 5l-8 8M9 6H5v13h13v-4',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7.500V12l3 2',
  again: 'M5 8.500A8 8 0 1 1 4 12M4.500 4v4.500H9',
  cross: 'm6.500 6.500 11 11M17.500 6.500l-11 11',
  hourglass: 'M7 4h10M7 20h10M8 4c0 4.500 4 5 4 8s-4 3.500-4 8M16 4c0 4.500-4 5-4 8s4 3.500 4 8',
  skip: 'm5 6 8 6-8 6ZM18 6v12',
  slash: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM6 6l12 12',
  unequal: 'M5 9h14M5 15h14M15.500 5l-7 14',
  camera: 'M3.500 7h11v10h-11zM14.500 10.500l6-3v9l-6-3',
  cameraOff: 'M8 7h6.500v5.500M14.500 10.500l6-3v9l-4-2M14.500 17h-11V7M3.500 3.500l17 17',
  microphone:
    'M12 3.500a2.500 2.500 0 0 1 2.500 2.500v5a2.500 2.500 0 0 1-5 0V6A2.500 2.500 0 0 1 12 3.500ZM6 11a6 6 0 0 0 12 0M12 17v3.500',
  microphoneOff:
    'M9.500 9.500V11a2.500 2.500 0 0 0 4 2M14.500 10V6a2.500 2.500 0 0 0-4.900-.700M6 11a6 6 0 0 0 9.500 4.900M18 11a6 6 0 0 1-.400 2.200M12 17v3.500M3.500 3.500l17 17',
  screen: 'M3.500 5h17v11h-17zM8.500 20h7M12 16v4M12 13.500v-6M9.500 9.500 12 7l2.500 2.500',
  leave: 'M13 5H5v14h8M10 12h10M16.500 8.500 20 12l-3.500 3.500',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  unlock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 6.800-1.200',
  sound: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500ZM15.500 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
};

export type IconName = keyof typeof PATHS;

/** Strokes in the colour of the text. Decoration only: what holds it carries the words. */
export function Icon({ name }: { name: IconName }) {
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
