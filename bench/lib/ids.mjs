import { randomBytes } from 'node:crypto';

const hex = (value, width) => value.toString(16).padStart(width, '0');

/** UUIDv7s from a counter: as good as random ones for a run, and cheap enough not to be what is measured. */
export function idMaker() {
  const node = randomBytes(6).toString('hex');
  let count = 0;
  return () => {
    count += 1;
    const time = hex(Date.now(), 12);
    const high = hex((count >>> 14) & 0xfff, 3);
    const low = hex(0x8000 | (count & 0x3fff), 4);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${low}-${node}`;
  };
}
