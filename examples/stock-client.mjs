// No SDK: what any socket.io-client can do. BONGSU_TOKEN is the accessToken of POST /api/auth/login.
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

const { BONGSU_URL: url = 'http://127.0.0.1:3000', BONGSU_TOKEN, BONGSU_SCREEN_ID } = process.env;
if (!BONGSU_TOKEN || !BONGSU_SCREEN_ID) fail('Set BONGSU_TOKEN and BONGSU_SCREEN_ID.');
const target = { screenId: BONGSU_SCREEN_ID };
const command = { id: randomUUID(), timestamp: Date.now(), target, action: 'play' };
const socket = io(url, { auth: { token: BONGSU_TOKEN }, transports: ['websocket', 'polling'] });
socket.on('connect_error', (error) => !socket.active && fail(error.data?.code)); // else it tries again by itself
socket.on('command-status', ({ id, status }) => {
  if (id === command.id) console.log(status); // executed
  if (id === command.id && status !== 'retrying') socket.close();
});
// Sent again on each connect, under the same id: the server knows it, and accepts it once.
socket.on('connect', () =>
  socket.emit('trigger', command, ({ status, error }) => (error ? fail(error.code) : console.log(status))),
);

function fail(why) {
  console.error(why);
  process.exit(1);
}
