import { memoryStore, type Screen, screen } from '@bongsu/client';
import { type Account, send, trigger, World } from '@bongsu/conformance';
import type { CommandOrUnknown, DeviceCredential, SessionClosing } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { expect, it, onTestFinished, vi } from 'vitest';
import { runInProcess } from './support/command-line.js';
import { describeEachServer, makeStorage, type RunningServer, type Storage } from './support/server.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SECRET = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
const BEFORE = 10;
/** Which of them is being run while the cut comes; the window keeps the next ones with the screen too. */
const HELD = 5;
const WINDOW = 4;
/** Sent one after the other while the cut comes, if that takes so long. */
const MOST_MEANWHILE = 150;

interface Site {
  server: RunningServer;
  storage: Storage;
  world: World;
  owner: Account;
  /** Another login of the owner, which commands. */
  sender: Account;
  screenId: string;
}

interface Cut {
  title: string;
  /** Does it; resolves with the screen's credential from then on, where it is another. */
  make(site: Site): Promise<DeviceCredential | undefined>;
  /** What the two sockets are closed with, if they are. */
  closes: { sender?: string; screen?: string };
}

const CUTS: Cut[] = [
  {
    title: 'the login that sends ends',
    async make({ world, owner, sender }) {
      const { items } = (await world.http.get('/api/auth/sessions', owner.accessToken)).body as {
        items: { id: string; current: boolean }[];
      };
      expect(items).toHaveLength(2);
      for (const { id, current } of items)
        if (!current)
          await world.http.call('DELETE', `/api/auth/sessions/${id}`, { token: owner.accessToken });
      expect((await world.http.get('/api/users/me', sender.accessToken)).status).toBe(401);
      return undefined;
    },
    closes: { sender: 'TOKEN_REVOKED' },
  },
  {
    title: 'every access token ends, of the screen too',
    async make({ storage }) {
      const env = { ...storage.settings, JWT_SECRET: SECRET };
      expect(await runInProcess(['keys', 'rotate', '--emergency', '--yes'], env)).toMatchObject({ code: 0 });
      return undefined;
    },
    closes: { sender: 'TOKEN_EXPIRED', screen: 'TOKEN_EXPIRED' },
  },
  {
    title: 'the screen gets another credential, and starts with it anew',
    make: ({ world, owner, screenId }) => world.credential(owner, screenId),
    closes: { screen: 'TOKEN_REVOKED' },
  },
  {
    title: 'the sender gets another name and another role',
    async make({ server, world, sender }) {
      const token = (await server.app.setupLink())?.split('token=')[1];
      const root = { token, email: 'root@example.com', password: 'correct horse root', username: 'Root' };
      const { accessToken } = (await world.http.post('/api/auth/setup', root)).body as Account;
      const patch = (path: string, body: object, by: string) =>
        world.http.call('PATCH', path, { body, token: by });
      const renamed = await patch('/api/users/me', { username: 'Renamed' }, sender.accessToken);
      const promoted = await patch(`/api/users/${sender.userId}`, { role: 'admin' }, accessToken);
      expect([renamed.status, promoted.status]).toEqual([200, 200]);
      return undefined;
    },
    closes: {},
  },
];

/** A screen of the SDK that is busy with one entry until it is released; another one can take its store over. */
class Lobby {
  readonly ran: string[] = [];
  readonly closings: string[] = [];
  readonly #store = memoryStore();
  readonly #url: string;
  #hold: () => void = () => {};
  #release: () => void = () => {};
  readonly #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });
  /** When it has begun the entry that it is busy with. */
  readonly busy = new Promise<void>((resolve) => {
    this.#hold = resolve;
  });

  constructor(url: string) {
    this.#url = url;
  }

  start(credential: DeviceCredential) {
    const device = screen({
      url: this.#url,
      store: this.#store,
      credential,
      window: WINDOW,
      onTrigger: ({ id }) => this.#run(id),
    });
    device.on('session-closing', ({ code }) => void this.closings.push(code));
    onTestFinished(() => device.close());
    return device;
  }

  release(): void {
    this.#release();
  }

  async #run(id: string): Promise<void> {
    this.ran.push(id);
    if (this.ran.length !== HELD) return;
    this.#hold();
    await this.#released;
  }
}

/** Whether it was accepted; undefined when its socket went before anybody could say. */
async function accepted(socket: Socket, command: object): Promise<boolean | undefined> {
  if (!socket.connected) return undefined;
  const gone = new Promise<undefined>((resolve) => socket.once('disconnect', () => resolve(undefined)));
  const answer: { success: boolean } | undefined = await Promise.race([
    socket.emitWithAck('trigger', command),
    gone,
  ]);
  return answer?.success;
}

describeEachServer('a login or a person changes while commands are in flight', (start, profile) => {
  it.each(CUTS)(
    '[STB1] [ID25] [ID26] [ID31] $title: what was accepted is run once, and nothing else is',
    async ({ make, closes }) => {
      const storage = await makeStorage(profile);
      onTestFinished(storage.remove);
      const settings = { JWT_SECRET: SECRET, COMMAND_RATE_PER_MINUTE: '1000000' };
      const server = await start({ settings }, storage);
      const world = new World({ url: server.url });
      const owner = await world.signUp();
      const sender = await world.logIn(owner);
      const device = await world.device(owner);
      const { screenId } = device;
      const lobby = new Lobby(server.url);
      const first = lobby.start(device);
      const socket = await world.controller(sender);
      const closings: string[] = [];
      socket.on('session-closing', ({ code }: SessionClosing) => closings.push(code));
      const sent: string[] = [];
      const promised: string[] = [];
      const one = async (from: Socket) => {
        const command = trigger(screenId, { notify: 'none' });
        sent.push(command.id);
        const answer = await accepted(from, command);
        if (answer) promised.push(command.id);
        return answer;
      };

      await Promise.all(Array.from({ length: BEFORE }, () => one(socket)));
      expect(promised).toHaveLength(BEFORE);
      await lobby.busy;
      let isCut = false;
      const meanwhile = (async () => {
        for (let n = 0; n < MOST_MEANWHILE && !isCut && (await one(socket)) !== undefined; n += 1);
      })();
      const credential = await make({ server, storage, world, owner, sender, screenId });
      isCut = true;
      await meanwhile;
      const closed = { sender: closings, screen: lobby.closings };
      for (const side of ['sender', 'screen'] as const)
        await expect
          .poll(() => closed[side][0], { timeout: 10_000, message: `the ${side} is closed with` })
          .toBe(closes[side]);
      lobby.release();
      if (credential) {
        await ended(first);
        lobby.start(credential);
      }

      const again = await world.controller(await world.logIn(owner));
      expect(await one(again)).toBe(true);
      const states = async () => {
        const found = new Map<string, string>();
        for (let at = 0; at < sent.length; at += 100) {
          const asked = await send(again, 'status', { ids: sent.slice(at, at + 100) });
          for (const { id, status } of (asked as { items: CommandOrUnknown[] }).items) found.set(id, status);
        }
        return found;
      };
      const unsettled = async () => [...(await states()).values()].filter((status) => status === 'accepted');
      await expect.poll(unsettled, { timeout: 20_000 }).toEqual([]);
      const executed = [...(await states())].filter(([, status]) => status === 'executed').map(([id]) => id);
      expect(
        promised.filter((id) => !executed.includes(id)),
        'lost',
      ).toEqual([]);
      expect(lobby.ran.toSorted()).toEqual(executed.toSorted());
      world.sockets.closeAll();
    },
  );
});

function ended(device: Screen): Promise<void> {
  return new Promise((resolve) => {
    if (device.state === 'closed') resolve();
    device.on('state', ({ state }) => state === 'closed' && resolve());
  });
}
