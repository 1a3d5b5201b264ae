// The load of rooms, a process of its own: raw frames over ws, closed loop. Options come as the first IPC message: {url, tokens, rooms,
// seats, senders, inFlight, what: 'message' | 'signal', warmUpSeconds, seconds}; reports over IPC: {measuring}, {ended}, and {measured:
// figures} once all that was accepted has been delivered. `commands` are deliveries: what other sockets got.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { idMaker } from './ids.mjs';
import { takeAllSeats } from './room-seats.mjs';
import { percentile, round } from './statistics.mjs';

const [options] = await once(process, 'message');
const { rooms, seats, senders, inFlight, what, warmUpSeconds, seconds } = options;
const newId = idMaker();
const DATA = '{"table":4,"order":"4711","lines":["kimchi jjigae","barley tea"]}';
/** What a browser with audio and video offers is about so long. */
const SDP = 'a=candidate-like line of forty characters\\r\\n'.repeat(50);
const CANDIDATE =
  '{"candidate":"candidate:842163049 1 udp 1677729535 192.0.2.7 46154 typ srflx raddr 10.0.0.4 rport 46154 generation 0 ufrag sXP5","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"sXP5"}';
const CANDIDATES_AN_OFFER = 20;
const DRAIN_MS = 30_000;

const refusals = {};
const refuse = (code) => {
  refusals[code] = (refusals[code] ?? 0) + 1;
};
let measuring = false;
let ended = false;
let delivered = 0;
let accepted = 0;
let open = 0;
const ackMs = [];

/** True for what another socket of the room sent; the bytes of `42["me…` and `42["si…`. */
const [first, second] = Buffer.from(what);
function tap(data) {
  const isDelivery = data[1] === 0x32 && data[4] === first && data[5] === second;
  if (isDelivery) delivered += 1;
  return isDelivery;
}

const messages =
  ({ roomId }) =>
  () =>
    `{"id":"${newId()}","timestamp":${Date.now()},"roomId":"${roomId}","data":${DATA}}`;

/** An offer of a new negotiation, then candidates of it. */
function signals({ roomId, to }) {
  let count = 0;
  let head = '';
  return () => {
    const isOffer = count % (CANDIDATES_AN_OFFER + 1) === 0;
    if (isOffer) head = `{"roomId":"${roomId}","to":"${to}","negotiationId":"n${count}"`;
    count += 1;
    const content = isOffer ? `"description":{"type":"offer","sdp":"${SDP}"}` : `"candidate":${CANDIDATE}`;
    return `${head},${content}}`;
  };
}

function drive(wire, nextPayload) {
  const next = () => {
    const startedAt = performance.now();
    open += 1;
    wire.send(what, nextPayload(), (answer) => {
      open -= 1;
      if (answer.includes('"success":true') && !answer.includes('"stale"')) {
        accepted += 1;
        if (measuring) ackMs.push(performance.now() - startedAt);
        if (!ended) next();
      } else {
        refuse(JSON.parse(answer)[0].error?.code ?? 'STALE');
        if (!ended) setTimeout(next, 10);
      }
    });
  };
  for (let n = 0; n < inFlight; n += 1) next();
}

/** Until nothing is under way any more; what is missing then is lost. */
async function drain() {
  const giveUpAt = performance.now() + DRAIN_MS;
  const expected = () => accepted * (what === 'signal' ? 1 : seats - 1);
  while ((open > 0 || delivered < expected()) && performance.now() < giveUpAt) await pause(20);
  if (delivered !== expected()) refuse(`${expected() - delivered} deliveries LOST`);
  if (open > 0) refuse('NO_ANSWER');
}

const places = await takeAllSeats(options);
for (const { wire } of places.flat()) {
  wire.tap = tap;
  wire.onClose = () => !ended && refuse('CLOSED');
}
/** Spread over the rooms. */
const driving = Array.from({ length: senders }, (_, n) => ({ room: n % rooms, seat: Math.floor(n / rooms) }));
for (const { room, seat } of driving) {
  const { wire, roomId } = places[room][seat];
  const to = places[room][(seat + 1) % seats].participantId;
  drive(wire, what === 'signal' ? signals({ roomId, to }) : messages({ roomId }));
}
await pause(warmUpSeconds * 1000);
const before = { delivered, accepted };
const startedAt = performance.now();
measuring = true;
process.send({ measuring: true });
await pause(seconds * 1000);
measuring = false;
const elapsed = (performance.now() - startedAt) / 1000;
const counted = { delivered: delivered - before.delivered, accepted: accepted - before.accepted };
process.send({ ended: true });
ended = true;
await drain();
const sorted = ackMs.sort((a, b) => a - b);
process.send({
  measured: {
    deliveriesPerSecond: Math.round(counted.delivered / elapsed),
    acceptedPerSecond: Math.round(counted.accepted / elapsed),
    commands: counted.delivered,
    ackMs: Object.fromEntries([50, 95, 99].map((p) => [`p${p}`, round(percentile(sorted, p / 100))])),
    refusals,
  },
});
process.disconnect();
setTimeout(() => process.exit(0), 50);
