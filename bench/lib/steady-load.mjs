// Commands at a steady rate whatever becomes of them, a process of its own. Options come as the first IPC message: {senders: [{name, url,
// token, screenIds}], perSecond}: of each sender. It reports {steady: true} when all are connected and send. Told {phase: name}, what it
// accepts from then on counts there; told {end: true}, it stops, waits for what is under way, and reports {sent: figures}.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { idMaker } from './ids.mjs';
import { percentile, round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const TICK_MS = 20;
const DRAIN_MS = 10_000;
/** What has not ended by then is lost; before, a busy machine is only late. */
const SETTLED_MS = 60_000;
const ASK_EVERY_MS = 500;
const IDS_A_QUESTION = 50;

const [{ senders, perSecond }] = await once(process, 'message');
const newId = idMaker();
const open = new Map();
const figures = {};
const refusals = {};
let phase = 'before';
let accepted = 0;
let isOver = false;

const lanes = await Promise.all(senders.map(connect));
process.on('message', (told) => {
  if (told.phase) phase = told.phase;
  if (told.end) isOver = true;
});
process.send({ steady: true });
await sendSteadily();
await drain();
// The news of an outcome may be lost with its node: then the ledger tells.
const untold = open.size;
await settleByAsking();
process.send({
  sent: {
    accepted,
    untold,
    lost: open.size,
    refusals,
    executedMs: Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, spread(values)])),
  },
});

async function connect({ name, url, token, screenIds }) {
  const onEvent = (event, status) => event === 'command-status' && settle(status);
  const wire = await Wire.connect(url, { token }, { onEvent });
  wire.onClose = () => !isOver && refuse('CLOSED');
  let next = 0;
  const send = () => {
    const id = newId();
    const screenId = screenIds[next % screenIds.length];
    next += 1;
    const command = `{"id":"${id}","timestamp":${Date.now()},"target":{"screenId":"${screenId}"},"action":"show-order","data":{"table":4}}`;
    const sending = { by: name, name: `${phase}: ${name}`, startedAt: performance.now() };
    open.set(id, sending);
    wire.send('trigger', command, (answer) => {
      if (answer.includes('"success":true')) accepted += 1;
      else {
        open.delete(id);
        refuse(JSON.parse(answer)[0].error.code);
      }
    });
  };
  const ask = async () => {
    const ids = [...open].filter(([, { by }]) => by === name).map(([id]) => id);
    while (ids.length > 0) {
      const query = JSON.stringify({ ids: ids.splice(0, IDS_A_QUESTION) });
      const answer = await new Promise((resolve) => wire.send('status', query, resolve));
      for (const { id, status } of JSON.parse(answer)[0].items ?? [])
        if (status === 'executed') open.delete(id);
    }
  };
  return { send, ask };
}

function settle({ id, status }) {
  const sending = open.get(id);
  if (!sending || status !== 'executed') return;
  open.delete(id);
  figures[sending.name] ??= [];
  figures[sending.name].push(performance.now() - sending.startedAt);
}

/** By the clock, so that a late tick sends more. */
async function sendSteadily() {
  const startedAt = performance.now();
  for (let sent = 0; !isOver; await pause(TICK_MS)) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    for (; sent < due; sent += 1) for (const { send } of lanes) send();
  }
}

async function drain() {
  const giveUpAt = performance.now() + DRAIN_MS;
  while (open.size > 0 && performance.now() < giveUpAt) await pause(TICK_MS);
}

async function settleByAsking() {
  const giveUpAt = performance.now() + SETTLED_MS;
  for (;;) {
    await Promise.all(lanes.map(({ ask }) => ask()));
    if (open.size === 0 || performance.now() > giveUpAt) return;
    await pause(ASK_EVERY_MS);
  }
}

function refuse(code) {
  refusals[code] = (refusals[code] ?? 0) + 1;
}

function spread(values) {
  const sorted = values.sort((a, b) => a - b);
  const parts = [50, 95, 99].map((part) => [`p${part}`, round(percentile(sorted, part / 100))]);
  return { commands: sorted.length, ...Object.fromEntries(parts), max: round(sorted.at(-1) ?? 0) };
}
