// People in rooms who talk, a process of its own, with the SDK as it is shipped, and in each room a listener with a stock client. Options
// come as the first IPC message: {url, tokens, listeners: tokens, perSecond}: a listener for each room. It says {online, of} whenever that
// changes, and is told {talk: true}, {come: N} (so many more connect) and {end: true}; to the last it answers {figures}.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '../../packages/client/dist/index.js';
import { judgeHearing, missing } from './hearing.mjs';
import { Listener } from './listener.mjs';

const HEARD_MS = 30_000;
const BEAT_MS = 20;

const [{ url, tokens, listeners, perSecond }] = await once(process, 'message');
const clients = [];
const waits = { away: [], said: [], heard: [] };
const faults = [];
/** Of each room: those who are in it, those of them who speak, and what was accepted there, by its place. */
const places = listeners.map((listener) => ({ listener, members: [], speakers: [], said: new Map() }));
/** Said, and not answered. */
const pending = new Set();
let timer;

function tell() {
  const online = clients.filter(({ state }) => state === 'online').length;
  if (process.connected) process.send({ online, of: clients.length });
}

/** Hears how somebody's state changes. */
function watch() {
  let awaySince;
  return ({ state, error }) => {
    if (state === 'online' && awaySince !== undefined) waits.away.push(performance.now() - awaySince);
    if (state === 'online') awaySince = undefined;
    if (state === 'offline') awaySince ??= performance.now();
    if (state === 'closed' && error) faults.push(`closed: ${error.code}`);
    tell();
  };
}

function newClient(token) {
  const client = connect({ url, token });
  client.on('state', watch());
  clients.push(client);
  return client;
}

const heard = ({ data }) => waits.heard.push(performance.now() - data.at);

function listen(place, room) {
  const member = { room, heard: [], gaps: [] };
  room.on('message', (entry) => {
    member.heard.push(entry.seq);
    heard(entry);
  });
  room.on('gap', (gap) => member.gaps.push(gap));
  place.members.push(member);
  place.speakers.push(member);
}

async function fill(place, number, members) {
  const [owner, ...others] = members;
  const room = await owner.createRoom({ name: `Drill ${number}`, maxUsers: members.length + 1 });
  listen(place, room);
  for (const client of others) listen(place, await client.joinRoom(room.roomId));
  const told = { state: watch(), message: heard, fault: (fault) => faults.push(fault) };
  const listener = new Listener({ url, token: place.listener, roomId: room.roomId, told });
  clients.push(listener);
  place.members.push(listener);
  while (listener.state !== 'online' && faults.length === 0) await pause(BEAT_MS);
}

/** By the clock: what is due while this process stands still is said late, and seen to wait. */
function talk() {
  const startedAt = performance.now();
  let turn = 0;
  timer = setInterval(() => {
    const due = ((performance.now() - startedAt) * perSecond) / 1000;
    for (; turn < due; turn += 1) say(turn, startedAt + (turn * 1000) / perSecond);
  }, BEAT_MS);
}

function say(turn, at) {
  const place = places[turn % places.length];
  const speaker = place.speakers[Math.floor(turn / places.length) % place.speakers.length];
  pending.add(turn);
  speaker.room
    .send({ at })
    .then(
      ({ seq }) => {
        waits.said.push(performance.now() - at);
        place.said.set(seq, speaker);
      },
      (error) => faults.push(`a message was refused: ${error.code}`),
    )
    .finally(() => pending.delete(turn));
}

async function end() {
  clearInterval(timer);
  const giveUpAt = performance.now() + HEARD_MS;
  while ((pending.size > 0 || missing(places) > 0) && performance.now() < giveUpAt) await pause(100);
  process.send({ figures: { ...judgeHearing(places, pending.size), faults, waits } });
  await Promise.all(clients.map((client) => client.close()));
  process.disconnect();
}

const members = tokens.map(newClient);
const share = Math.floor(members.length / places.length);
await Promise.all(places.map((place, n) => fill(place, n + 1, members.slice(n * share, (n + 1) * share))));
process.send({ seated: true });
process.on('message', ({ talk: isTime, come = 0, end: isOver }) => {
  if (isTime) talk();
  for (let n = 0; n < come; n += 1) newClient(tokens[n % tokens.length]);
  if (come > 0) tell();
  if (isOver) void end();
});
process.on('disconnect', () => process.exit(0));
