import { nextEvent, send, World } from '@bongsu/conformance';
import { ERRORS, type ErrorCode } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../src/app.js';
import { RIGHTS, type Right, type RightName } from '../src/platform/rights.js';
import type { Surface } from '../src/start-gateway.js';
import { type Caller, Callers, type Place } from './support/callers.js';
import { EVENTS, type EventSample, PUBLIC, ROUTES, type RouteSample } from './support/rights-samples.js';
import { describeEachServer } from './support/server.js';
import { SkewedClock } from './support/skewed-clock.js';

const ADMIN = { email: 'root@example.com', password: 'the very first administrator' };
const MINUTE_MS = 60_000;

type Verdict = { code: ErrorCode; details?: object } | 'allowed';

/** What the table of rights says about this caller and this call. */
function verdictOf(right: Right, sample: RouteSample | EventSample, caller: Caller): Verdict {
  if (caller.kind === 'anonymous') return { code: 'AUTH_ERROR' };
  const isAdmitted =
    right.access === 'any' ||
    (right.access === 'admin' ? caller.isAdmin === true : right.access === caller.kind);
  if (!isAdmitted) return { code: 'FORBIDDEN' };
  if (caller.scopes) {
    if (right.scope === null) return { code: 'FORBIDDEN' };
    const lacks = [right.scope, right.besides].find((scope) => scope && !caller.scopes?.includes(scope));
    if (lacks) return { code: 'FORBIDDEN', details: { scope: lacks } };
  }
  return verdictOver(right, sample as RouteSample, caller);
}

function verdictOver(right: Right, sample: RouteSample, { role, roomRole, isMaker }: Caller): Verdict {
  const { over, unseen = 'NOT_FOUND', roles = right.to, roomRoles = right.within } = sample;
  if (over === undefined) return 'allowed';
  if (over === 'maker') return isMaker ? 'allowed' : { code: unseen };
  if (over === 'room') {
    if (roomRole === undefined) return { code: unseen };
    if (roomRoles?.includes(roomRole)) return 'allowed';
    return { code: sample.hidden ? unseen : 'FORBIDDEN' };
  }
  if (role === undefined) return { code: unseen };
  if (roles?.includes(role)) return 'allowed';
  return { code: sample.hidden ? unseen : 'FORBIDDEN' };
}

const heardBy = ({ refused }: EventSample) =>
  refused === undefined ? { success: true } : { success: false, error: { code: refused } };
const samplesOf = (route: string): RouteSample[] => [ROUTES[route] ?? []].flat();
const nameOf = ({ method, url }: Surface['routes'][number]) => `${method} ${url}`;
/** Without the reader of the description, and the HEAD that Fastify adds to each GET under the same right. */
const isOwn = ({ method, url }: Surface['routes'][number]) =>
  method !== 'HEAD' && !url.startsWith('/api/docs');

describeEachServer('rights', (start) => {
  const clock = new SkewedClock();
  let app: App;
  let world: World;
  let callers: Callers;
  let routes: { name: string; right: RightName }[];
  /** Where nobody sends an event that is allowed: what that brings about goes on for a while after its answer. */
  let untouched: Place | undefined;

  beforeAll(async () => {
    const settings = {
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
      COMMAND_RATE_PER_MINUTE: '1000000',
      HANDSHAKE_FAILURES_PER_MINUTE: '100000',
      ROOMS_PER_MINUTE: '100000',
      JOINS_PER_MINUTE: '100000',
    };
    const server = await start({ settings, overrides: { clock } });
    ({ app } = server);
    world = new World({ url: server.url });
    callers = await Callers.make(world, ADMIN);
    routes = app.surface.routes.filter(isOwn).map((route) => ({ name: nameOf(route), right: route.right }));
  });
  afterAll(() => world?.sockets.closeAll());

  const call = async (name: string, sample: RouteSample, place: Place, caller: Caller) => {
    const [method = ''] = name.split(' ');
    const body = method === 'GET' || method === 'DELETE' ? undefined : sample.body?.(place);
    return world.http.call(method, sample.path(place), { token: caller.token, ...(body ? { body } : {}) });
  };

  /** A fresh one for whoever may change it. */
  const placeFor = (name: string, { needs, over }: RouteSample): Promise<Place> => {
    if (name.startsWith('GET ') || over === undefined) return callers.shared();
    return callers.place(needs ?? (over === 'room' ? 'room' : 'screen'));
  };

  it('[SEC4] every route and event is in the table of samples, and open ones are open on purpose', () => {
    const isServed = (name: string) => routes.some((route) => route.name === name);
    const open = routes.filter(({ right }) => right === 'public').map(({ name }) => name);
    expect(open.sort()).toEqual(PUBLIC.filter((name) => name !== 'GET /*' || isServed(name)).sort());
    const guarded = routes.filter(({ right }) => right !== 'public').map(({ name }) => name);
    expect(guarded.sort()).toEqual(Object.keys(ROUTES).sort());
    expect(app.surface.events.map(({ name }) => name).sort()).toEqual(Object.keys(EVENTS).sort());
  });

  it('[SEC4] every right is asked for by something', () => {
    const used = new Set<string>([...routes, ...app.surface.events].map(({ right }) => right));
    const idle = Object.keys(RIGHTS).filter((right) => !used.has(right));
    expect(idle).toEqual([]);
  });

  describe.each(Object.keys(ROUTES))('%s', (name) => {
    it('[SEC4] answers everybody as the table of rights says', async () => {
      const rightName = routes.find((route) => route.name === name)?.right ?? 'public';
      const right: Right = RIGHTS[rightName];
      for (const sample of samplesOf(name)) {
        const all = await callers.of(right);
        const verdicts = all.map((caller) => ({ caller, verdict: verdictOf(right, sample, caller) }));
        await expectRefusals(sample, verdicts);
        for (const { caller, verdict } of verdicts) {
          if (verdict !== 'allowed') continue;
          const answer = await call(name, sample, await placeFor(name, sample), caller);
          expect({ caller: caller.name, status: answer.status }, answer.text).toEqual({
            caller: caller.name,
            status: sample.ok,
          });
        }
        expect(verdicts.some(({ verdict }) => verdict === 'allowed')).toBe(true);
      }
    });

    /** All of them at one place, which is the same afterwards. */
    async function expectRefusals(sample: RouteSample, verdicts: { caller: Caller; verdict: Verdict }[]) {
      const place = await placeFor(name, sample);
      const isSafe = name.startsWith('GET ');
      const before = isSafe ? '' : await callers.snapshot(place);
      for (const { caller, verdict } of verdicts) {
        if (verdict === 'allowed') continue;
        const answer = await call(name, sample, place, caller);
        const { status } = ERRORS[verdict.code];
        expect({ caller: caller.name, status: answer.status, body: answer.body }, answer.text).toMatchObject({
          caller: caller.name,
          status,
          body: { error: verdict },
        });
      }
      if (!isSafe) expect(await callers.snapshot(place)).toBe(before);
    }
  });

  describe.each(Object.entries(EVENTS))('%s', (name, samples) => {
    it('[SEC4] answers everybody as the table of rights says', async () => {
      const event = app.surface.events.find((one) => one.name === name);
      const right: Right = RIGHTS[event?.right ?? 'public'];
      for (const sample of [samples].flat()) {
        const all = (await callers.of(right)).filter(({ token }) => token !== undefined);
        const verdicts = all.map((caller) => ({ caller, verdict: verdictOf(right, sample, caller) }));
        untouched ??= await callers.untouched();
        const before = await callers.snapshot(untouched);
        for (const { caller, verdict } of verdicts)
          if (verdict !== 'allowed')
            await expectAnswer(sample, untouched, caller, { success: false, error: verdict });
        expect(await callers.snapshot(untouched)).toBe(before);
        const place = await callers.shared();
        const allowed = verdicts.filter(({ verdict }) => verdict === 'allowed');
        expect(allowed.length).toBeGreaterThan(0);
        for (const { caller } of allowed) await expectAnswer(sample, place, caller, heardBy(sample));
      }
    });

    async function expectAnswer(sample: EventSample, place: Place, caller: Caller, wanted: object) {
      const { token = '' } = caller;
      const { socket } = await world.sockets.connect({ token });
      if (sample.enters) await send(socket, 'join-room', { roomId: place.openRoomId });
      const answer = await send(socket, name, sample.payload(place, token));
      expect({ caller: caller.name, answer }).toMatchObject({ caller: caller.name, answer: wanted });
      await closed(socket);
    }
  });

  it('[SEC4] [SK2] nobody has events without a handshake that was let in', async () => {
    expect(await world.sockets.refusal({})).toMatchObject({ code: 'AUTH_ERROR' });
  });

  // Last: from here on the logins of the matrix are no fresh proof any more.
  describe('ten minutes later', () => {
    beforeAll(() => {
      clock.skewMs += 11 * MINUTE_MS;
    });

    it('[SEC4] what asks for a fresh proof is STEP_UP_REQUIRED for people, and FORBIDDEN for keys as ever', async () => {
      const asking = routes.filter(({ right }) => (RIGHTS[right] as Right).stepUp);
      expect(asking.length).toBeGreaterThan(0);
      for (const { name, right } of asking) {
        for (const sample of samplesOf(name)) {
          const place = await callers.shared();
          for (const caller of await callers.of({ scope: null })) {
            const verdict = verdictOf(RIGHTS[right], { ...sample, over: undefined } as never, caller);
            const code = verdict === 'allowed' ? 'STEP_UP_REQUIRED' : verdict.code;
            const answer = await call(name, sample, place, caller);
            expect({ name, caller: caller.name, body: answer.body }).toMatchObject({
              name,
              caller: caller.name,
              body: { error: { code } },
            });
          }
        }
      }
    });

    it('[SEC4] everything else goes on', async () => {
      const { accessToken } = callers.owner;
      for (const path of ['/api/users/me', '/api/api-keys', '/api/screens'])
        expect((await world.http.get(path, accessToken)).status).toBe(200);
    });
  });
});

async function closed(socket: Socket): Promise<void> {
  const gone = nextEvent(socket, 'disconnect');
  socket.disconnect();
  await gone;
}
