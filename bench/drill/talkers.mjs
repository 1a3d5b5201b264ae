// People in rooms who talk, a process of its own, with the SDK as it is shipped. Options come as the first IPC message: {url, tokens,
// rooms, perSecond}. It says {online, of} whenever that changes, and is told {talk: true}, {come: N} (so many more connect) and
// {end: true}; to the last it answers {figures}.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '../../packages/client/dist/index.js';

const HEARD_MS = 30_000;

const [{ url, tokens, rooms, perSecond }] = await once(process, 'message');
const clients = [];
const waits = { away: [], said: [], heard: [] };
const faults = [];
/** Of each room: those who are in it, and what was accepted there, by its place. */
const places = Array.from({ length: rooms }, () => ({ members: [], said: new Map() }));
let timer;

function tell() {
  const online = clients.filter(({ state }) => state === 'online').length;
  if (process.connected) process.send({ online, of: clients.length });
}

function newClient(token) {
  const client = connect({ url, token });
  let awaySince;
  client.on('state', ({ state, error }) => {
    if (state === 'online' && awaySince !== undefined) waits.away.push(performance.now() - awaySince);
    if (state === 'online') awaySince = undefined;
    if (state === 'offline') awaySince ??= performance.now();
    if (state === 'closed' && error) faults.push(`closed: ${error.code}`);
    tell();
  });
  clients.push(client);
  return client;
}

function listen(room) {
  const member = { room, heard: [], gaps: [] };
  room.on('message', ({ seq, data }) => {
    member.heard.push(seq);
    waits.heard.push(performance.now() - data.at);
  });
  room.on('gap', (gap) => member.gaps.push(gap));
  return member;
}

async function fill(place, number, members) {
  const [owner, ...others] = members;
  const room = await owner.createRoom({ name: `Drill ${number}`, maxUsers: members.length });
  place.members.push(listen(room));
  for (const client of others) place.members.push(listen(await client.joinRoom(room.roomId)));
}

function talk() {
  let turn = 0;
  timer = setInterval(() => {
    const place = places[turn % places.length];
    const speaker = place.members[Math.floor(turn / places.length) % place.members.length];
    turn += 1;
    const at = performance.now();
    speaker.room.send({ at }).then(
      ({ seq }) => {
        waits.said.push(performance.now() - at);
        place.said.set(seq, speaker);
      },
      (error) => faults.push(`a message was refused: ${error.code}`),
    );
  }, 1000 / perSecond);
}

/** What each must have heard: all that was said there by others, but for what it was told that it missed. */
function missing() {
  let count = 0;
  for (const { members, said } of places) {
    for (const member of members) {
      const due = [...said].filter(([, speaker]) => speaker !== member).map(([seq]) => seq);
      const heard = new Set(member.heard);
      const isTold = (seq) => member.gaps.some(({ after, lastSeq }) => seq > after && seq <= lastSeq);
      count += due.filter((seq) => !heard.has(seq) && !isTold(seq)).length;
    }
  }
  return count;
}

function judge() {
  let [twice, outOfOrder, gaps] = [0, 0, 0];
  for (const { heard, gaps: told } of places.flatMap(({ members }) => members)) {
    gaps += told.length;
    twice += heard.length - new Set(heard).size;
    outOfOrder += heard.filter((seq, n) => n > 0 && seq < heard[n - 1]).length;
  }
  const said = places.reduce((total, place) => total + place.said.size, 0);
  return { said, missing: missing(), twice, outOfOrder, gaps };
}

async function end() {
  clearInterval(timer);
  const giveUpAt = performance.now() + HEARD_MS;
  while (missing() > 0 && performance.now() < giveUpAt) await pause(100);
  process.send({ figures: { ...judge(), faults, waits } });
  await Promise.all(clients.map((client) => client.close()));
  process.disconnect();
}

const members = tokens.map(newClient);
const share = Math.floor(members.length / rooms);
await Promise.all(places.map((place, n) => fill(place, n + 1, members.slice(n * share, (n + 1) * share))));
process.send({ seated: true });
process.on('message', ({ talk: isTime, come = 0, end: isOver }) => {
  if (isTime) talk();
  for (let n = 0; n < come; n += 1) newClient(tokens[n % tokens.length]);
  if (come > 0) tell();
  if (isOver) void end();
});
process.on('disconnect', () => process.exit(0));
