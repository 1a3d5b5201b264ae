// Somebody who comes back to a room, a process of its own. Options come as the first IPC message: {url, tokens: [poster, reader]}. Told
// {fill: N}, it posts until the room's log has N entries; told {recover: {times, missed}}, the reader connects again and again, naming the
// entry before the last `missed`, each time until the last of them has come, in order. It answers each with {done: figures}.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { idMaker } from './ids.mjs';
import { median, percentile, round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const IN_FLIGHT = 400;
const [{ url, tokens }] = await once(process, 'message');
const [poster, reader] = tokens;
const newId = idMaker();
const roomId = `bench-${randomUUID()}`;
const wire = await Wire.connect(url, { token: poster });
const { epoch } = await ask(wire, 'create-room', { name: 'Bench', roomId });
// The reader's seat, by which it may read, is held by another socket of theirs.
const seat = await Wire.connect(url, { token: reader });
seat.tap = (data) => data[1] === 0x32;
await ask(seat, 'join-room', { roomId });
let entries = 0;

process.on('message', async ({ fill, recover: wanted }) => {
  process.send({ done: fill === undefined ? await recover(wanted) : await fillTo(fill) });
});
process.send({ done: {} });

async function ask(on, event, payload) {
  const [answer] = await new Promise((resolve) =>
    on.send(event, JSON.stringify(payload), (text) => resolve(JSON.parse(text))),
  );
  if (!answer.success) throw new Error(`${event}: ${JSON.stringify(answer)}`);
  return answer;
}

async function fillTo(count) {
  const startedAt = performance.now();
  const lane = async () => {
    while (entries < count) {
      entries += 1;
      const message = `{"id":"${newId()}","timestamp":${Date.now()},"roomId":"${roomId}","data":{"table":4}}`;
      const answer = await new Promise((resolve) => wire.send('message', message, resolve));
      if (!answer.includes('"success":true')) throw new Error(`not accepted: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return { entries, seconds: round((performance.now() - startedAt) / 1000) };
}

async function recover({ times, missed }) {
  const ms = [];
  for (let n = 0; n < times; n += 1) ms.push(await comeBack(missed));
  ms.sort((a, b) => a - b);
  return { medianMs: round(median(ms)), p95Ms: round(percentile(ms, 0.95)) };
}

async function comeBack(missed) {
  const startedAt = performance.now();
  const streams = { [`room:${roomId}`]: entries - missed };
  let last = entries - missed;
  const whole = deferred();
  const back = await Wire.connect(
    url,
    { token: reader, resume: { epoch, streams } },
    {
      onEvent: (name, { seq }) => {
        if (name !== 'message') return;
        if (seq !== last + 1) whole.reject(new Error(`entry ${seq} after ${last}`));
        last = seq;
        if (last === entries) whole.resolve();
      },
    },
  );
  back.onClose = () => whole.reject(new Error(`closed at ${last} of ${entries}`));
  await whole.promise;
  back.onClose = () => {};
  back.close();
  return performance.now() - startedAt;
}

/** Node 20 has no Promise.withResolvers. */
function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
