import { randomUUID } from 'node:crypto';
import { Wire } from './wire.mjs';

const LANES = 8;

/** `rooms` rooms with `seats` sockets each. @returns of each room its places, {wire, roomId, participantId} */
export async function takeAllSeats({ url, tokens, rooms, seats }) {
  const places = [];
  const waiting = Array.from({ length: rooms }, (_, room) => room);
  const lane = async () => {
    for (let room = waiting.shift(); room !== undefined; room = waiting.shift()) {
      places[room] = await takeSeats({ url, tokens, seats, room });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return places;
}

async function takeSeats({ url, tokens, seats, room }) {
  const roomId = `bench-${randomUUID()}`;
  const taken = [];
  for (let seat = 0; seat < seats; seat += 1) {
    const wire = await Wire.connect(url, { token: tokens[(room * seats + seat) % tokens.length] });
    const opening = { name: 'Bench', roomId, maxUsers: Math.max(2, seats) };
    const entry = seat === 0 ? ['create-room', opening] : ['join-room', { roomId }];
    const { participantId } = await ask(wire, ...entry);
    taken.push({ wire, roomId, participantId });
  }
  return taken;
}

function ask(wire, event, payload) {
  return new Promise((resolve, reject) => {
    wire.send(event, JSON.stringify(payload), (answer) => {
      const [parsed] = JSON.parse(answer);
      if (parsed.success) resolve(parsed);
      else reject(new Error(`${event}: ${answer}`));
    });
  });
}
