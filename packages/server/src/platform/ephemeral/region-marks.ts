import type { Frame } from './bus-frames.js';

/**
 * What crosses between regions is marked: with its region while it is at home, and with the end of its way in any other. What a node says
 * has no mark. Each crossing takes it one step on and none takes it back, so nothing goes round, whoever carries and however often.
 */
export type Mark = string | undefined;
export type Crossing = (mark: Mark) => Mark;

/** No name of a region. */
const ARRIVED = '*';

/** From a region to home: what was said there. */
export const outward =
  (region: string): Crossing =>
  (mark) =>
    mark === undefined ? region : undefined;

/** From home to a region: what was said elsewhere. */
export const inward =
  (region: string): Crossing =>
  (mark) =>
    mark === region || mark === ARRIVED ? undefined : ARRIVED;

/** Limits are counted in each region by itself. */
const isCarried = (channel: string) => !channel.startsWith('limits.');

/** A frame as it goes on, or undefined where nothing of it does. */
export function cross([publisher, messages, numbers, from]: Frame, crossing: Crossing): Frame | undefined {
  const mark = crossing(from);
  if (mark === undefined) return undefined;
  const carried = messages.filter(([channel]) => isCarried(channel));
  if (carried.length === 0 && !numbers) return undefined;
  const known = numbers && Object.fromEntries(Object.entries(numbers).filter(([name]) => isCarried(name)));
  return [publisher, carried, known ?? null, mark];
}
