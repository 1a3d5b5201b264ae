// The load, a process of its own: raw frames over ws, each controller with a fixed number of commands in flight, closed loop.
// Options come as the first IPC message (100 tokens are too long for argv); reports over IPC: {measuring}, then {measured: figures}. A command is done at its ack, or, with `execute`,
// at its `command-status`.

import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { idMaker } from './ids.mjs';
import { percentile, round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const [options] = await once(process, 'message');
const { url, people, inFlight, warmUpSeconds, seconds, execute } = options;
const newId = idMaker();
const DATA = '{"table":4,"order":"4711","lines":["kimchi jjigae","barley tea"]}';

let measuring = false;
let ended = false;
let accepted = 0;
let executed = 0;
const refusals = {};
const ackMs = [];
const doneMs = [];

function drive(wire, { screenId }) {
  const open = new Map();
  const done = (id) => {
    const startedAt = open.get(id);
    if (startedAt === undefined) return;
    open.delete(id);
    if (measuring && execute) {
      executed += 1;
      doneMs.push(performance.now() - startedAt);
    }
    if (!ended) next();
  };
  const onAnswer = (id, startedAt, answer) => {
    // Parsing each ack would make the load the limit of what is measured.
    if (!answer.startsWith('[{"success":true') && !answer.includes('"success":true')) {
      const { code } = JSON.parse(answer)[0].error;
      refusals[code] = (refusals[code] ?? 0) + 1;
      open.delete(id);
      if (!ended) setTimeout(next, 10);
      return;
    }
    if (measuring) {
      accepted += 1;
      ackMs.push(performance.now() - startedAt);
    }
    if (!execute) done(id);
  };
  const next = () => {
    const id = newId();
    const startedAt = performance.now();
    open.set(id, startedAt);
    const command = `{"id":"${id}","timestamp":${Date.now()},"target":{"screenId":"${screenId}"},"action":"show-order","data":${DATA}}`;
    wire.send('trigger', command, (answer) => onAnswer(id, startedAt, answer));
  };
  wire.onEvent = (name, status) => {
    if (name === 'command-status' && status.status === 'executed') done(status.id);
  };
  wire.onClose = () => {
    if (!ended) refusals.CLOSED = (refusals.CLOSED ?? 0) + 1;
  };
  return () => {
    for (let n = 0; n < inFlight; n += 1) next();
  };
}

async function connectScreen({ screenId, screenToken }) {
  const wire = await Wire.connect(url, { token: screenToken, screenId });
  wire.onEvent = (_, { stream, seq }, answer) =>
    answer?.(`{"status":"executed","stream":"${stream}","seq":${seq}}`);
}

if (execute) for (const person of people) await connectScreen(person);
const starts = [];
for (const person of people) {
  const wire = await Wire.connect(url, { token: person.token, userId: person.userId });
  starts.push(drive(wire, person));
}
for (const start of starts) start();
await pause(warmUpSeconds * 1000);
measuring = true;
const startedAt = performance.now();
process.send({ measuring: true });
await pause(seconds * 1000);
measuring = false;
const elapsed = (performance.now() - startedAt) / 1000;
ended = true;
process.send({
  measured: {
    acceptedPerSecond: Math.round(accepted / elapsed),
    ...(execute ? { executedPerSecond: Math.round(executed / elapsed) } : {}),
    ackMs: spread(ackMs),
    ...(execute ? { executedMs: spread(doneMs) } : {}),
    commands: execute ? executed : accepted,
    refusals,
  },
});
process.disconnect();
setTimeout(() => process.exit(0), 50);

function spread(values) {
  const sorted = values.sort((a, b) => a - b);
  return Object.fromEntries([50, 95, 99].map((p) => [`p${p}`, round(percentile(sorted, p / 100))]));
}
