import { once } from 'node:events';
import { io } from 'socket.io-client';
import { createScreen, signUp } from '../../lib/bongsu.mjs';
import { monotonicMs } from '../../lib/history.mjs';
import { idMaker } from '../../lib/ids.mjs';
import { percentile, round } from '../../lib/statistics.mjs';

const newId = idMaker();

/** How long things take from node to node, one at a time each: to the same region, and over the link in both directions. */
export async function measurePropagation({ home, far: [far1, far2] }, samples) {
  const ways = { 'home to far': [home, far1], 'far to home': [far1, home], 'far to far': [far1, far2] };
  const measured = await Promise.all(
    Object.entries(ways).map(async ([way, [from, to]]) => [way, await measureWay(from, to, samples)]),
  );
  return Object.fromEntries(measured);
}

async function measureWay(from, to, samples) {
  const owner = await signUp(from.url);
  const { screen, credential } = await createScreen(from.url, owner.accessToken);
  const controller = await connect(from.url, owner.accessToken);
  const device = await connect(to.url, credential.accessToken);
  const commands = await measureCommands({ controller, device, screenId: screen.screenId }, samples);
  const other = await connect(to.url, (await signUp(to.url)).accessToken);
  const people = await measurePeople(controller, other, samples);
  for (const socket of [controller, device, other]) socket.disconnect();
  return { ...commands, ...people };
}

async function measureCommands({ controller, device, screenId }, samples) {
  const times = { accepted: [], atTheScreen: [], statusBack: [] };
  for (let n = 0; n < samples; n += 1) {
    const sentAt = monotonicMs();
    const arrived = once(device, 'trigger').then(([, receipt]) => {
      times.atTheScreen.push(monotonicMs() - sentAt);
      receipt({ status: 'executed' });
    });
    const told = once(controller, 'command-status').then(() => times.statusBack.push(monotonicMs() - sentAt));
    const answer = await controller.emitWithAck('trigger', {
      ...{ id: newId(), timestamp: Date.now() },
      ...{ target: { screenId }, action: 'show' },
    });
    if (!answer.success) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
    times.accepted.push(monotonicMs() - sentAt);
    await Promise.all([arrived, told]);
  }
  return summarized(times);
}

/** In one room: what is said, which is kept, and signals, which are not. */
async function measurePeople(one, other, samples) {
  const { roomId } = await ask(one, 'create-room', { name: 'Talk' });
  const { participantId: to } = await ask(other, 'join-room', { roomId });
  const times = { message: [], signal: [] };
  for (let n = 0; n < samples; n += 1) {
    const saidAt = monotonicMs();
    const heard = once(other, 'message').then(() => times.message.push(monotonicMs() - saidAt));
    await ask(one, 'message', { id: newId(), timestamp: Date.now(), roomId, data: n });
    await heard;
    const signalledAt = monotonicMs();
    const signalled = once(other, 'signal').then(() => times.signal.push(monotonicMs() - signalledAt));
    const description = { type: 'offer', sdp: `v=0 ${n}` };
    await ask(one, 'signal', { roomId, to, negotiationId: `n${n}`, description });
    await signalled;
  }
  return summarized(times);
}

const summarized = (times) =>
  Object.fromEntries(
    Object.entries(times).map(([what, values]) => {
      const sorted = [...values].sort((a, b) => a - b);
      return [what, { p50Ms: round(percentile(sorted, 0.5), 0), p95Ms: round(percentile(sorted, 0.95), 0) }];
    }),
  );

async function ask(socket, event, payload) {
  const answer = await socket.emitWithAck(event, payload);
  if (!answer.success) throw new Error(`${event}: ${JSON.stringify(answer.error)}`);
  return answer;
}

async function connect(url, token) {
  const socket = io(url, { auth: { token, instanceId: newId() }, transports: ['websocket'], forceNew: true });
  await once(socket, 'ready');
  return socket;
}
