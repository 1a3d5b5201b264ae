import { type Clock, sleep } from '../platform/clock.js';

/** A socket that can be told to go to another node. */
export interface Mover {
  /** Says so, lets what is under way end, and closes. */
  move(retryAfterMs: number): Promise<void>;
}

export interface MoveDeps {
  clock: Clock;
  /** 0 to 1, as Math.random. */
  random(): number;
}

const WAVE_MS = 100;
/** No wave is smaller: 500 a second is what one other node takes without anybody waiting for it. */
const LEAST_WAVE = 50;
/** Those of one wave come back at different moments within it. */
const JITTER_MS = 200;

/**
 * Tells sockets to move, some at a time and in no order, so that the nodes that take them are not asked by all at once.
 * @param withinMs all are told by then
 * @param signal aborted: the rest is told at once
 * @returns when all have gone
 */
export async function moveInWaves(
  movers: Iterable<Mover>,
  withinMs: number,
  { clock, random }: MoveDeps,
  signal: AbortSignal,
): Promise<void> {
  const waiting = shuffled([...movers], random);
  const size = Math.max(LEAST_WAVE, Math.ceil((waiting.length * WAVE_MS) / Math.max(WAVE_MS, withinMs)));
  const moved: Promise<void>[] = [];
  while (waiting.length > 0) {
    const wave = waiting.splice(0, signal.aborted ? waiting.length : size);
    for (const mover of wave) moved.push(mover.move(Math.round(random() * JITTER_MS)));
    if (waiting.length > 0) await sleep(clock, WAVE_MS, signal).catch(() => undefined);
  }
  await Promise.all(moved);
}

/** Fisher and Yates. */
function shuffled<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other] as T, items[last] as T];
  }
  return items;
}
