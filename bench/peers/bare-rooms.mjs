// Bare Socket.IO with the options of the server, rooms and a relay as its documentation writes them: no membership that is asked for,
// no log, no order over nodes, nothing that survives. What rooms are compared with.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const { PORT } = process.env;
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
const lastSeqs = new Map();

io.on('connection', (socket) => {
  const from = { userId: '0192f0c1-7a11-7c4e-9b1d-4f1e2d3c4b5a', username: 'Someone 1' };
  const enter = ({ roomId }, ack) => {
    socket.join(roomId);
    ack({ success: true, roomId, participantId: socket.id, existingUsers: [] });
  };
  socket.emit('ready', {
    protocol: 1,
    epoch: EPOCH,
    serverTime: Date.now(),
    sessionId: socket.id,
    streams: {},
  });
  socket.on('create-room', enter);
  socket.on('join-room', enter);
  socket.on('message', ({ id, roomId, data }, ack) => {
    const seq = (lastSeqs.get(roomId) ?? 0) + 1;
    lastSeqs.set(roomId, seq);
    const acceptedAt = Date.now();
    const stream = `room:${roomId}`;
    ack({ success: true, id, status: 'accepted', stream, seq, epoch: EPOCH, acceptedAt, duplicate: false });
    socket
      .to(roomId)
      .emit('message', { id, type: 'message', stream, seq, epoch: EPOCH, acceptedAt, from, data });
  });
  socket.on('signal', ({ to, roomId, negotiationId, ...content }, ack) => {
    io.to(to).emit('signal', { roomId, from: socket.id, negotiationId, polite: true, ...content });
    ack({ success: true, negotiationId });
  });
});
http.listen(Number(PORT), '127.0.0.1');
