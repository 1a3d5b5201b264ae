import { encode } from 'uqr';

export interface QrPath {
  /** Modules a side, the quiet zone included. */
  size: number;
  /** The dark modules, for the `d` of an SVG path. */
  path: string;
}

/** What scanners want around the code, in modules. */
const QUIET_ZONE = 4;

/** A QR code as one path: made here, because the text is a secret and the page may load no image from elsewhere. */
export function qrPath(text: string): QrPath {
  const { size, data } = encode(text, { ecc: 'M', border: QUIET_ZONE });
  return { size, path: data.flatMap((row, y) => runs(row).map(([x, length]) => bar(x, y, length))).join('') };
}

/** Where dark modules follow one another: start and length. */
function runs(row: boolean[]): [number, number][] {
  const found: [number, number][] = [];
  row.forEach((dark, x) => {
    if (!dark) return;
    const last = found.at(-1);
    if (last && last[0] + last[1] === x) last[1] += 1;
    else found.push([x, 1]);
  });
  return found;
}

function bar(x: number, y: number, length: number): string {
  return `M${x} ${y}h${length}v1h-${length}z`;
}
