// Meets one other in a room, by `signal`: perfect negotiation with a made-up peer connection, then a message each way. No SDK.
// BONGSU_TOKEN is the accessToken of POST /api/auth/login. docs/signaling.md has the same with a real RTCPeerConnection.
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

const { BONGSU_URL: url = 'http://127.0.0.1:3000', BONGSU_TOKEN: token, BONGSU_ROOM: roomId } = process.env;
if (!token || !roomId) {
  console.error('Set BONGSU_TOKEN and BONGSU_ROOM.');
  process.exit(1);
}
const socket = io(url, { auth: { token, instanceId: randomUUID() }, transports: ['websocket', 'polling'] });
socket.on('connect_error', ({ data, message }) => {
  if (socket.active)
    console.error(message); // it tries again by itself
  else report(data);
});

const sdpOf = (who) => `v=0\r\no=- ${Date.now()} 1 IN IP4 127.0.0.1\r\ns=${who}\r\nt=0 0\r\n`;
const candidates = [
  { candidate: 'candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host', sdpMid: '0' },
  { candidate: 'candidate:2 1 udp 1694498815 198.51.100.1 50000 typ srflx', sdpMid: '0' },
  null, // the end of candidates
];

/** What a browser would do with an RTCPeerConnection, as far as the wire is concerned. */
const peer = {
  to: undefined,
  polite: false,
  negotiationId: undefined,
  offering: false,
  ignoring: false,
  heard: 0,
};

async function ask(event, payload) {
  const answer = await socket.emitWithAck(event, payload);
  if (answer.success) return answer;
  throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
}

const say = (content) =>
  ask('signal', { roomId, to: peer.to, negotiationId: peer.negotiationId, ...content });

/** Not awaited one by one: what one socket sends arrives in this order. */
function describe(type) {
  return Promise.all([
    say({ description: { type, sdp: sdpOf(type) } }),
    ...candidates.map((candidate) => say({ candidate })),
  ]);
}

async function offer(to) {
  Object.assign(peer, { to, offering: true, negotiationId: randomUUID(), heard: 0 });
  await describe('offer');
}

/** @returns true when the other side has described itself, with all its candidates. */
async function take({ from, polite, negotiationId, description, candidate }) {
  if (description?.type === 'offer') {
    // Both offered: who is polite drops the own offer, the other one the offer that comes.
    peer.ignoring = peer.offering && !polite;
    if (peer.ignoring) return false;
    Object.assign(peer, { to: from, offering: false, negotiationId, heard: 0 });
    await describe('answer');
    return false;
  }
  if (description?.type === 'answer') peer.offering = false;
  if (candidate !== undefined && !peer.ignoring) peer.heard += 1;
  return candidate === null && !peer.ignoring;
}

socket.on('user-joined', ({ participantId, username }) => {
  console.log(`${username} is here`);
  offer(participantId).catch(report); // who was there first offers
});
socket.on('signal', async (signal) => {
  try {
    if (!(await take(signal))) return;
    console.log(`connected, ${peer.heard} candidates`);
    await ask('message', { id: randomUUID(), timestamp: Date.now(), roomId, data: 'hello by signal' });
    done('sent');
  } catch (error) {
    report(error);
  }
});
socket.on('message', ({ from, data }) => {
  console.log(`${from.username}: ${data}`);
  done('heard');
});
socket.once('ready', () => enter().catch(report));

/** Joins the room, or makes it. */
async function enter() {
  const room = await ask('join-room', { roomId }).catch((error) => {
    if (!['ROOM_NOT_FOUND', 'ROOM_CLOSED'].includes(error.code)) throw error;
    return ask('create-room', { roomId, name: 'Example', maxUsers: 2 });
  });
  console.log(`joined, ${room.existingUsers.length} there`);
}

/** Whoever has said hello and heard it leaves. */
const open = new Set(['sent', 'heard']);
function done(what) {
  if (!open.delete(what) || open.size > 0) return;
  ask('leave-room', { roomId }).then(() => socket.close(), report);
}

function report(error) {
  console.error(error.code ?? error);
  process.exitCode = 1;
  socket.close();
}
