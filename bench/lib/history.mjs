import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** CLOCK_MONOTONIC in milliseconds: one clock for all processes of a machine. */
export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;

/** An append-only file of JSON lines. Written at once, so that what stands in it has happened. */
export function historyWriter(path) {
  const file = openSync(path, 'a');
  return {
    write(record) {
      writeSync(file, `${JSON.stringify({ ...record, at: monotonicMs() })}\n`);
    },
    close: () => closeSync(file),
  };
}

export function readHistory(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
