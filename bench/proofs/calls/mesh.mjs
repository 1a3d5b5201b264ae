import { randomUUID } from 'node:crypto';
import { allSeeAll } from './caller.mjs';
import { Site } from './site.mjs';

const WATCH_MS = 5000;

/** `size` people in one room, each of whom sees all others move, and goes on to. */
export async function proveMesh(size) {
  const site = await Site.start();
  try {
    const callers = await gather(site, size);
    const lastEnteredAt = Date.now();
    const sawAllAt = await allSeeAll(callers, { since: 0 });
    const since = Date.now();
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    const counts = [];
    for (const caller of callers) {
      const { moves } = await caller.look();
      for (const other of callers) {
        if (other !== caller) counts.push((moves[other.userId] ?? []).filter((at) => at > since).length);
      }
    }
    const leastFrames = Math.min(...counts);
    return {
      people: size,
      videoStreams: counts.length,
      msFromLastComingToAllSeen: Math.max(0, sawAllAt - lastEnteredAt),
      framesIn5sOfTheSlowestStream: leastFrames,
      passed: counts.length === size * (size - 1) && leastFrames > 0,
    };
  } finally {
    await site.stop();
  }
}

/** Windows of `size` people who are all in one room. */
export async function gather(site, size, { relay = false } = {}) {
  const roomId = randomUUID();
  const callers = [];
  for (let n = 0; n < size; n += 1) callers.push(await site.newCaller());
  for (const [n, caller] of callers.entries()) await caller.enter(roomId, { isFirst: n === 0, relay });
  return callers;
}
