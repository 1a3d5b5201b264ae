import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextEvent, send, World } from '@bongsu/conformance';
import type { Joined } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ALGORITHM } from './support/algorithm.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { describeNodes } from './support/nodes.js';
import { ADMIN, startTwoNodes, type TwoNodes } from './support/two-nodes.js';

const OFFER = { type: 'offer', sdp: 'v=0 offer' };
const ANSWER = { type: 'answer', sdp: 'v=0 answer' };
const ROOM_EVENTS = ['user-joined', 'user-reconnecting', 'user-returned', 'user-left', 'message'];

type Told = [event: string, participantId: string | undefined];

describeNodes('rooms of several nodes', () => {
  let nodes: TwoNodes;

  beforeAll(async () => {
    nodes = await startTwoNodes();
  });
  afterAll(() => nodes?.stop());
  afterEach(() => {
    for (const { world } of [nodes.a, nodes.b]) world.sockets.closeAll();
  });

  const connect = async (world: World, token: string, instanceId: string = randomUUID()) =>
    (await world.sockets.connect({ token, instanceId })).socket;
  const person = async (world: World) => connect(world, (await nodes.a.world.signUp()).accessToken);
  const make = async (socket: Socket) => (await send(socket, 'create-room', { name: 'Stand-up' })) as Joined;
  const enter = async (socket: Socket, roomId: string, participantId?: string) =>
    (await send(socket, 'join-room', { roomId, participantId })) as Joined;
  /** What a socket is told of the room from now on. */
  const listen = (socket: Socket) => {
    const told: Told[] = [];
    for (const event of ROOM_EVENTS)
      socket.on(event, ({ participantId }: { participantId?: string }) => told.push([event, participantId]));
    return told;
  };

  it('[SIG7] [ND30] who comes, what is said and who goes is told once on both nodes', async () => {
    const [host, near, far] = [
      await person(nodes.a.world),
      await person(nodes.a.world),
      await person(nodes.b.world),
    ];
    const { roomId } = await make(host);
    const told = [host, far].map(listen);
    await enter(far, roomId);
    const { participantId } = await enter(near, roomId);
    await expect.poll(() => told[1]).toEqual([['user-joined', participantId]]);
    const message = { id: randomUUID(), timestamp: Date.now(), roomId, data: 'hello' };
    const heard = [nextEvent(host, 'message'), nextEvent(far, 'message')];
    expect(await send(near, 'message', message)).toMatchObject({ success: true });
    for (const entry of await Promise.all(heard)) expect(entry).toMatchObject({ data: 'hello', seq: 1 });
    await send(near, 'leave-room', { roomId });
    const rest = [
      ['message', undefined],
      ['user-left', participantId],
    ];
    await expect.poll(() => told[1]).toEqual([['user-joined', participantId], ...rest]);
    await expect.poll(() => told[0]?.slice(1)).toEqual([['user-joined', participantId], ...rest]);
  });

  it('[SIG7] [ND30] [RM128] two on different nodes negotiate, in both words', async () => {
    const [ann, ben] = [await person(nodes.a.world), await person(nodes.b.world)];
    const { roomId, participantId: toAnn } = await make(ann);
    const joined = nextEvent(ann, 'user-joined');
    const { participantId: toBen } = await enter(ben, roomId);
    await joined;
    const offered = nextEvent(ben, 'signal');
    const sent = { roomId, to: toBen, negotiationId: 'n1', description: OFFER };
    expect(await send(ann, 'signal', sent)).toMatchObject({ negotiationId: 'n1' });
    expect(await offered).toMatchObject({ from: toAnn, polite: true, description: OFFER });
    const answered = nextEvent(ann, 'signal');
    await send(ben, 'signal', { roomId, to: toAnn, negotiationId: 'n1', description: ANSWER });
    expect(await answered).toMatchObject({ from: toBen, polite: false, description: ANSWER });
    const plain = await person(nodes.b.world);
    const called = nextEvent<{ negotiationId: string }>(ann, 'signal');
    await enter(plain, roomId);
    const plainOffer = { roomId, to: toAnn, offer: OFFER };
    expect(await send(plain, 'offer', plainOffer)).toMatchObject({ success: true });
    const { negotiationId, from } = (await called) as { negotiationId: string; from: string };
    const back = nextEvent(plain, 'answer');
    await send(ann, 'signal', { roomId, to: from, negotiationId, description: ANSWER });
    expect(await back).toMatchObject({ from: toAnn, negotiationId, answer: ANSWER });
  });

  it('[SIG7] [RM13] [ND30] a page that is loaded anew at the other node has its seat there, and the older socket is out', async () => {
    const host = await person(nodes.a.world);
    const { accessToken } = await nodes.a.world.signUp();
    const older = await connect(nodes.a.world, accessToken);
    const { roomId } = await make(host);
    const { participantId } = await enter(older, roomId);
    const told = listen(host);
    const replaced = nextEvent(older, 'user-left');
    const newer = await connect(nodes.b.world, accessToken);
    expect(await enter(newer, roomId, participantId)).toMatchObject({ participantId });
    expect(await replaced).toMatchObject({ participantId, reason: 'replaced' });
    older.disconnect();
    const heard = nextEvent(newer, 'message');
    const message = { id: randomUUID(), timestamp: Date.now(), roomId, data: 1 };
    await send(host, 'message', message);
    expect(await heard).toMatchObject({ data: 1 });
    expect(told).toEqual([['user-returned', participantId]]);
  });

  it('[SIG7] [RM11] [ND30] who was on a node that is killed takes the seat again on another one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bongsu-killed-'));
    const processes = new BongsuProcesses(folder);
    onTestFinished(async () => {
      await processes.killAll();
      await rm(folder, { recursive: true, force: true });
    });
    const { config } = nodes.a;
    const node = processes.run(['serve'], {
      DATABASE_URL: config.DATABASE_URL?.reveal() ?? '',
      REDIS_URL: nodes.redis.url,
      ...{ NODE_NAME: 'node-c', DATA_DIR: config.DATA_DIR, JWT_ALG: ALGORITHM, LOG_LEVEL: 'info' },
    });
    const url = (await node.shows(/http:\/\/127\.0\.0\.1:\d+/)).replace(/\/$/, '');
    await node.shows('is ready');
    const world = new World({ url, admin: ADMIN });
    onTestFinished(() => world.sockets.closeAll());
    const host = await person(nodes.a.world);
    const { accessToken } = await nodes.a.world.signUp();
    const instanceId = randomUUID();
    const first = await connect(world, accessToken, instanceId);
    const { roomId } = await make(host);
    const told = listen(host);
    const { participantId } = await enter(first, roomId);
    node.child.kill('SIGKILL');
    const second = await connect(nodes.b.world, accessToken, instanceId);
    expect(await enter(second, roomId)).toMatchObject({ participantId });
    await expect
      .poll(() => told)
      .toEqual([
        ['user-joined', participantId],
        ['user-returned', participantId],
      ]);
  });
});
