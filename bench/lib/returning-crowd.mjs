// Sockets that come back to another node when theirs is gone, a process of its own, by raw frames. Options come as the first IPC message:
// {url, to, screens: [{screenId, screenToken}], tokens, users, rooms, seats}: a socket for each screen, `users` of people, and `rooms` rooms
// with `seats` people each. It reports {settled: ms}; told {killedAt: Date.now()}, {back: figures} once all are ready again and have asked
// for their seats; told {end: true}, {ended: {closed, longestSilenceMs, twice}}.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { percentile, round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const LANES = 50;
/** As the SDK waits, see packages/client/src/backoff.ts. */
const FIRST_DELAY_MS = 100;
const FACTOR = 1.5;
const MAX_DELAY_MS = 1000;
/** Source addresses: each has ports of its own. */
const ADDRESSES = 4;

const [{ url, to, screens = [], tokens = [], users = 0, rooms = 0, seats = 0 }] = await once(
  process,
  'message',
);
/** What was answered, by its place and by its id. */
const places = new Set();
const ids = new Set();
const members = [
  ...screens.map(({ screenId, screenToken }) => ({
    auth: { token: screenToken },
    stream: `screen:${screenId}`,
    seq: 0,
  })),
  ...Array.from({ length: users }, (_, n) => ({ auth: { token: tokens[n % tokens.length] } })),
  ...Array.from({ length: rooms * seats }, (_, n) => member(Math.floor(n / seats), n % seats)),
];
members.forEach((one, n) => {
  one.localAddress = `127.0.0.${1 + (n % ADDRESSES)}`;
});
const roomIds = Array.from({ length: rooms }, () => `bench-${randomUUID()}`);
let closed = 0;
let twice = 0;
let longestSilenceMs = 0;
let isOver = false;
let onBack = () => {};

const startedAt = performance.now();
await inLanes(members, (one) => connect(one, url));
// One after another in each room, whose owner comes first.
const inRooms = members.filter(({ room }) => room !== undefined);
for (let seat = 0; seat < seats; seat += 1)
  await inLanes(
    inRooms.filter((one) => one.seat === seat),
    sit,
  );
process.send({ settled: round(performance.now() - startedAt) });
process.on('message', (told) => {
  if (told.killedAt) void report(told.killedAt);
  if (!told.end) return;
  isOver = true;
  process.send({
    ended: { closed, longestSilenceMs: round(longestSilenceMs), executed: ids.size, twice },
  });
});

/** Of a room other people, and each its own client object. */
function member(room, seat) {
  const auth = { token: tokens[(room * seats + seat) % tokens.length], instanceId: randomUUID() };
  return {
    auth,
    room,
    seat,
    seq: 0,
    get stream() {
      return `room:${roomIds[room]}`;
    },
  };
}

async function connect(one, endpoint) {
  const resume =
    one.epoch === undefined ? {} : { resume: { epoch: one.epoch, streams: { [one.stream]: one.seq } } };
  const wire = await Wire.connect(
    endpoint,
    { ...one.auth, ...resume },
    {
      localAddress: one.localAddress,
      onEvent: (_, entry, answer) => hear(one, entry, answer),
    },
  );
  one.isResumed = one.epoch === undefined || wire.ready.streams?.[one.stream]?.recovered === true;
  if (one.stream !== undefined) one.epoch = wire.ready.epoch;
  one.wire = wire;
  watchSilence(wire);
  wire.onClose = () => {
    closed += 1;
    if (!isOver && to !== undefined) void comeBack(one);
  };
}

function hear(one, entry, answer) {
  if (entry?.stream !== one.stream || entry?.seq === undefined) return;
  if (answer) count(entry);
  one.seq = Math.max(one.seq, entry.seq);
  answer?.(`{"status":"executed","stream":"${entry.stream}","seq":${entry.seq}}`);
}

/** Each is answered as executed, and the next offset says so too: none may come again, in its place or in another. */
function count({ id, epoch, stream, seq }) {
  const place = `${epoch} ${stream} ${seq}`;
  if (places.has(place) || ids.has(id)) twice += 1;
  places.add(place);
  ids.add(id);
}

/** Between two heartbeats of the server. */
function watchSilence(wire) {
  let heardAt = performance.now();
  wire.tap = (data) => {
    if (data.length !== 1 || data[0] !== 0x32) return false;
    longestSilenceMs = Math.max(longestSilenceMs, performance.now() - heardAt);
    heardAt = performance.now();
    return false;
  };
}

async function sit(one) {
  const roomId = roomIds[one.room];
  const known = one.participantId === undefined ? {} : { participantId: one.participantId };
  const entry =
    one.seat === 0 && one.participantId === undefined
      ? ['create-room', { name: 'Bench', roomId, maxUsers: Math.max(2, seats) }]
      : ['join-room', { roomId, ...known }];
  const answer = await new Promise((resolve) => one.wire.send(entry[0], JSON.stringify(entry[1]), resolve));
  const [parsed] = JSON.parse(answer);
  if (!parsed.success) throw new Error(parsed.error.code);
  one.kept = one.participantId === undefined || one.participantId === parsed.participantId;
  one.participantId = parsed.participantId;
}

async function comeBack(one) {
  one.readyAt = undefined;
  for (let attempt = 0; one.readyAt === undefined; attempt += 1) {
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * FACTOR ** attempt);
    await pause(delayMs * (0.5 + Math.random()));
    one.attempts = attempt + 1;
    await connect(one, to).then(
      () => {
        one.readyAt = Date.now();
      },
      (error) => {
        one.refused = error.message;
      },
    );
  }
  if (one.room !== undefined) {
    await sit(one).catch((error) => {
      one.kept = false;
      one.fault = error.message;
    });
    one.seatedAt = Date.now();
  }
  onBack();
}

async function report(killedAt) {
  const isBack = (one) => (one.room === undefined ? one.readyAt : one.seatedAt) !== undefined;
  while (!members.every(isBack)) {
    await new Promise((resolve) => {
      onBack = resolve;
    });
  }
  const faults = {};
  for (const { fault, refused } of members) {
    for (const what of [fault, refused]) if (what !== undefined) faults[what] = (faults[what] ?? 0) + 1;
  }
  process.send({
    back: {
      readyMs: spread(members.map(({ readyAt }) => readyAt - killedAt)),
      notResumed: members.filter(({ isResumed }) => !isResumed).length,
      attempts: members.reduce((total, one) => total + one.attempts, 0),
      ...(rooms > 0
        ? {
            seatedMs: spread(inRooms.map(({ seatedAt }) => seatedAt - killedAt)),
            seatsKept: inRooms.filter(({ kept }) => kept).length,
          }
        : {}),
      faults,
    },
  });
}

async function inLanes(list, work) {
  const waiting = list.values();
  const lane = async () => {
    for (const one of waiting) await work(one);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function spread(values) {
  const sorted = values.sort((a, b) => a - b);
  const parts = [50, 95, 99].map((part) => [`p${part}`, round(percentile(sorted, part / 100))]);
  return { ...Object.fromEntries(parts), max: round(sorted.at(-1) ?? 0) };
}
