// Meets one other in a room, by the events of the usual tutorials: `offer`, `answer`, `ice-candidate`. No SDK, no negotiation ids.
// BONGSU_TOKEN is the accessToken of POST /api/auth/login. The SDP and candidates are made up; a browser would ask its RTCPeerConnection.
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

const { BONGSU_URL: url = 'http://127.0.0.1:3000', BONGSU_TOKEN: token, BONGSU_ROOM: roomId } = process.env;
if (!token || !roomId) {
  console.error('Set BONGSU_TOKEN and BONGSU_ROOM.');
  process.exit(1);
}
const socket = io(url, { auth: { token }, transports: ['websocket', 'polling'] });
socket.on('connect_error', ({ data, message }) => {
  if (socket.active)
    console.error(message); // it tries again by itself
  else fail(data?.code);
});

const sdpOf = (who) => `v=0\r\no=- ${Date.now()} 1 IN IP4 127.0.0.1\r\ns=${who}\r\nt=0 0\r\n`;
const candidates = [
  { candidate: 'candidate:1 1 udp 2130706431 192.0.2.2 50000 typ host', sdpMid: '0' },
  { candidate: 'candidate:2 1 udp 1694498815 198.51.100.2 50000 typ srflx', sdpMid: '0' },
  null, // the end of candidates
];
let heard = 0;

function sendCandidates(to) {
  for (const candidate of candidates) socket.emit('ice-candidate', { roomId, to, candidate });
}

// Who was there first offers to whoever comes.
socket.on('user-joined', ({ participantId: to, username }) => {
  console.log(`${username} is here`);
  socket.emit('offer', { roomId, to, offer: { type: 'offer', sdp: sdpOf('offer') } });
  sendCandidates(to);
});
socket.on('offer', ({ from: to }) => {
  socket.emit('answer', { roomId, to, answer: { type: 'answer', sdp: sdpOf('answer') } });
  sendCandidates(to);
});
socket.on('answer', ({ answer }) => console.log(`answered with ${answer.sdp.length} bytes`));
socket.on('ice-candidate', async ({ candidate }) => {
  heard += 1;
  if (candidate) return;
  console.log(`connected, ${heard} candidates`);
  await say('hello by plain events');
  done('sent');
});
socket.on('message', ({ from, data }) => {
  console.log(`${from.username}: ${data}`);
  done('heard');
});
socket.once('ready', async () => {
  let room = await socket.emitWithAck('join-room', { roomId, signaling: 'events' });
  if (['ROOM_NOT_FOUND', 'ROOM_CLOSED'].includes(room.error?.code)) {
    room = await socket.emitWithAck('create-room', {
      roomId,
      name: 'Example',
      maxUsers: 2,
      signaling: 'events',
    });
  }
  if (!room.success) return fail(room.error.code);
  console.log(`joined, ${room.existingUsers.length} there`);
});

/** Durable when it is answered. */
async function say(data) {
  const answer = await socket.emitWithAck('message', {
    id: randomUUID(),
    timestamp: Date.now(),
    roomId,
    data,
  });
  if (!answer.success) fail(answer.error.code);
}

/** Whoever has said hello and heard it leaves. */
const open = new Set(['sent', 'heard']);
async function done(what) {
  if (!open.delete(what) || open.size > 0) return;
  await socket.emitWithAck('leave-room', { roomId });
  socket.close();
}

function fail(code) {
  console.error(code);
  process.exitCode = 1;
  socket.close();
}
