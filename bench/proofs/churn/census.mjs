// Loaded before the server: counts what it holds when it is asked, without knowing its parts. Asking collects garbage first.
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
process.on('message', async ({ census }) => {
  if (!census) return;
  process.send({ census: { ...(await collections()), ...memory() } });
});
// A channel alone must not keep the server from ending.
process.channel?.unref();

/** All maps and sets of the process, groups of sockets among them, how much is in them, and which grew since the last census. */
async function collections() {
  await session.post('HeapProfiler.collectGarbage');
  const [maps, sets] = [await sizesOf('Map'), await sizesOf('Set')];
  return {
    maps: maps.count,
    mapEntries: maps.entries,
    sets: sets.count,
    setEntries: sets.entries,
    grew: [...maps.grew, ...sets.grew].sort((a, b) => b.by - a.by).slice(0, 8),
  };
}

function memory() {
  const { rss, heapUsed } = process.memoryUsage();
  const mebibytes = (bytes) => Math.round((bytes / 2 ** 20) * 10) / 10;
  return { rssMiB: mebibytes(rss), heapMiB: mebibytes(heapUsed) };
}

async function sizesOf(name) {
  const group = { objectGroup: 'census' };
  try {
    const { result } = await session.post('Runtime.evaluate', { expression: `${name}.prototype`, ...group });
    const { objects } = await session.post('Runtime.queryObjects', {
      prototypeObjectId: result.objectId,
      ...group,
    });
    const { result: counted, exceptionDetails } = await session.post('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: String(count),
      arguments: [{ value: name }],
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description);
    return counted.value;
  } finally {
    await session.post('Runtime.releaseObjectGroup', group);
  }
}

/** Runs in the inspected realm, over an array of them: names nothing from here. */
function count(kind) {
  // Prototypes are found too, those of subclasses among them: they have no size.
  const size = Object.getOwnPropertyDescriptor(globalThis[kind].prototype, 'size').get;
  const isReal = (one) => {
    try {
      size.call(one);
      return true;
    } catch {
      return false;
    }
  };
  const real = this.filter(isReal);
  const keyOf = (one) => {
    const [key] = one.keys();
    return typeof key === 'string' || typeof key === 'number' ? String(key).slice(0, 40) : typeof key;
  };
  globalThis.sizesAtLastCensus ??= new WeakMap();
  const before = globalThis.sizesAtLastCensus;
  const grew = real
    .map((one) => ({ kind, by: one.size - (before.get(one) ?? 0), size: one.size, key: keyOf(one) }))
    .filter(({ by }) => by > 0)
    .sort((a, b) => b.by - a.by);
  for (const one of real) before.set(one, one.size);
  return {
    count: real.length,
    entries: real.reduce((sum, one) => sum + one.size, 0),
    grew: grew.slice(0, 8),
  };
}
