// Bare Socket.IO with the options of the server and no guarantee: what the promise is compared with.
// --relay: also forwards each command to its screen and the outcome back, as anybody would write it by hand.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const { PORT, RELAY } = process.env;
const http = createServer((_, response) => response.end('ok'));
const io = new Server(http, {
  serveClient: false,
  perMessageDeflate: false,
  maxHttpBufferSize: 256 * 1024,
  pingInterval: 25_000,
  pingTimeout: 5_000,
  transports: ['websocket', 'polling'],
});
const EPOCH = '5b0c1f0e-9d2b-4d7f-8a52-0d5ea3b0c2aa-00000001';
const sequences = new Map();
const screens = new Map();

function accept(command) {
  const { screenId } = command.target;
  const seq = (sequences.get(screenId) ?? 0) + 1;
  sequences.set(screenId, seq);
  const acceptedAt = Date.now();
  const stream = `screen:${screenId}`;
  return {
    success: true,
    id: command.id,
    status: 'accepted',
    stream,
    seq,
    epoch: EPOCH,
    acceptedAt,
    duplicate: false,
  };
}

function relay(command, accepted, sender) {
  const { id, action, data, target } = command;
  const { stream, seq, epoch, acceptedAt } = accepted;
  const from = { userId: sender.data.userId, username: 'Someone' };
  const entry = {
    id,
    type: 'trigger',
    stream,
    seq,
    prev: 0,
    epoch,
    attempt: 1,
    acceptedAt,
    from,
    action,
    data,
  };
  screens.get(target.screenId)?.emit('trigger', entry, ({ status }) => {
    sender.emit('command-status', { id, screenId: target.screenId, status, attempt: 1, at: Date.now() });
  });
}

io.on('connection', (socket) => {
  const { screenId, userId } = socket.handshake.auth;
  socket.data.userId = userId;
  if (screenId !== undefined) screens.set(screenId, socket);
  socket.emit('ready', {
    protocol: 1,
    epoch: EPOCH,
    serverTime: Date.now(),
    sessionId: socket.id,
    streams: {},
  });
  socket.on('trigger', (command, ack) => {
    const accepted = accept(command);
    ack(accepted);
    if (RELAY === '1') relay(command, accepted, socket);
  });
});
http.listen(Number(PORT), '127.0.0.1');
