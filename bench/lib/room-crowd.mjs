// People who are in rooms and stay, a process of its own. Options come as the first IPC message: {url, tokens, rooms, seats}; it answers
// {seated: true}, says something in one room after another until it is told {}, and answers {said, closed}.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { idMaker } from './ids.mjs';
import { takeAllSeats } from './room-seats.mjs';

const PAUSE_MS = 10;

const [options] = await once(process, 'message');
const newId = idMaker();
const places = await takeAllSeats(options);
let closed = 0;
for (const { wire } of places.flat()) {
  wire.tap = (data) => data[1] === 0x32;
  wire.onClose = () => {
    closed += 1;
  };
}
let isOver = false;
process.once('message', () => {
  isOver = true;
});
process.send({ seated: true });
let said = 0;
for (let n = 0; !isOver; n += 1) {
  const [{ wire, roomId }] = places[n % places.length];
  const message = `{"id":"${newId()}","timestamp":${Date.now()},"roomId":"${roomId}","data":{"table":4}}`;
  wire.send('message', message, (answer) => {
    if (answer.includes('"success":true')) said += 1;
  });
  await pause(PAUSE_MS);
}
process.send({ said, closed });
