import { type Account, type Device, send, type World } from '@bongsu/conformance';
import { SCOPES, type Scope } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { expect } from 'vitest';
import type { Right, RoomRole, ScreenRole } from '../../src/platform/rights.js';

/** What `owner` has made, for others to reach for. */
export interface Place {
  screenId: string;
  /** Sent by the owner to the screen, and not executed. */
  commandId: string;
  /** A dead letter of another screen of the owner, which has the same controller. */
  letterId: string;
  letterScreenId: string;
  /** Of the owner. */
  keyId: string;
  /** Another login of the owner than the one that calls. */
  loginId: string;
  ownerId: string;
  strangerId: string;
  /** Of the owner, whose screens its members command; the controller is in it. */
  roomId: string;
  /** A room of the owner that anybody may join and leave. */
  openRoomId: string;
}

const LETTERS = 20;

/** `screen`: with its command. */
export type Need = 'screen' | 'room' | 'letter' | 'key' | 'login';

/** Who tries. `role` and `roomRole`: what they are to the screens and the room of `Place`. */
export interface Caller {
  name: string;
  token: string | undefined;
  kind: 'anonymous' | 'user' | 'screen';
  role?: ScreenRole | undefined;
  roomRole?: RoomRole | undefined;
  isAdmin?: boolean;
  /** Who made the things of `Place`. */
  isMaker?: boolean;
  /** Of an API key. */
  scopes?: readonly Scope[];
}

/** One server's people, devices and keys, each made once. */
export class Callers {
  readonly #keys = new Map<string, Promise<string>>();
  readonly #letters: string[] = [];
  #screenOfLetters: { screenId: string } | undefined;
  #fixed: Caller[] = [];
  #shared: Promise<Place> | undefined;
  /** The controller's, by which they are in the owner's rooms. */
  #member: Promise<Socket> | undefined;

  private constructor(
    readonly world: World,
    readonly owner: Account,
    readonly controller: Account,
    readonly stranger: Account,
    readonly admin: Account,
  ) {}

  static async make(world: World, adminLogin: { email: string; password: string }): Promise<Callers> {
    const [owner, controller, stranger] = await Promise.all([1, 2, 3].map(() => world.signUp()));
    const admin = await world.logIn({
      ...adminLogin,
      userId: '',
      username: '',
      accessToken: '',
      refreshToken: '',
    });
    if (!owner || !controller || !stranger) throw new Error('nobody signed up');
    const made = new Callers(world, owner, controller, stranger, admin);
    await made.#prepare();
    return made;
  }

  /** Everybody that may want to use this right; keys with just its scopes, and with all but one of them. */
  async of({ scope, besides }: Pick<Right, 'scope' | 'besides'>): Promise<Caller[]> {
    const key = async (who: 'owner' | 'stranger' | 'admin', scopes: readonly Scope[]) => ({
      token: await this.#key(this[who], scopes),
      kind: 'user' as const,
      scopes,
    });
    const needed = [scope, besides].filter((one) => typeof one === 'string');
    const just: readonly Scope[] = scope === null ? SCOPES : needed;
    const lacking = await Promise.all(
      needed.map(async (one) => ({
        name: `key of the owner with all scopes but ${one}`,
        ...(await key(
          'owner',
          SCOPES.filter((other) => other !== one),
        )),
        role: 'owner' as const,
        roomRole: 'owner' as const,
        isMaker: true,
      })),
    );
    return [
      ...this.#fixed,
      {
        name: 'key of the owner with the scope',
        ...(await key('owner', just)),
        role: 'owner',
        roomRole: 'owner',
        isMaker: true,
      },
      ...lacking,
      { name: 'key of a stranger with the scope', ...(await key('stranger', just)) },
      {
        name: 'key of an admin with the scope',
        ...(await key('admin', just)),
        role: 'admin',
        roomRole: 'admin',
        isAdmin: true,
      },
    ];
  }

  /** Things of the owner's for those who only look. */
  shared(): Promise<Place> {
    this.#shared ??= this.untouched();
    return this.#shared;
  }

  /** The same, with one thing of its own that nobody has touched yet. */
  async place(need: Need): Promise<Place> {
    return { ...(await this.shared()), ...(await this.#fresh(need)) };
  }

  /** Things of the owner’s that nobody has touched yet. */
  async untouched(): Promise<Place> {
    const [screen, room, openRoomId] = await Promise.all([this.#screen(), this.#room(), this.#openRoom()]);
    return {
      ...{ ...screen, ...room, openRoomId },
      letterId: '00000000-0000-7000-8000-000000000000',
      letterScreenId: this.#screenOfLetters?.screenId ?? '',
      keyId: 'AAAAAAAAAA',
      loginId: '00000000-0000-4000-8000-000000000000',
      ownerId: this.owner.userId,
      strangerId: this.stranger.userId,
    };
  }

  async #fresh(need: Need): Promise<Partial<Place>> {
    if (need === 'screen') return this.#screen();
    if (need === 'room') return this.#room();
    if (need === 'key') return { keyId: (await this.world.apiKey(this.owner, ['metrics:read'])).id };
    if (need === 'login') return { loginId: await this.#login() };
    const letterId = this.#letters.pop();
    if (letterId === undefined) throw new Error('there are too few dead letters');
    return { letterId };
  }

  /** Everything of the owner's, as text: equal before and after what was refused. */
  async snapshot(place: Place): Promise<string> {
    const { accessToken } = this.owner;
    const read = (path: string) => this.world.http.get(`/api${path}`, accessToken);
    const answers = await Promise.all([
      read('/users/me'),
      read('/users/me/mfa'),
      read('/auth/sessions'),
      read('/api-keys?limit=200'),
      read(`/screens/${place.screenId}`),
      read(`/commands?screenId=${place.screenId}`),
      read(`/dead-letters?screenId=${place.letterScreenId}&limit=100`),
      read('/screens?limit=1'),
      read(`/rooms/${place.roomId}`),
      read(`/rooms/${place.roomId}/participants`),
      read(`/rooms/${place.roomId}/history`),
      ...['/users/me', '/screens?limit=1'].map((path) =>
        this.world.http.get(`/api${path}`, this.stranger.accessToken),
      ),
    ]);
    for (const { status, text } of answers) expect(status, text).toBe(200);
    // When a key or a login was last used is no change, nor is the order of logins, which is by that.
    const fixed = answers.map(({ text }) => text.replace(/("last(?:Used|Seen)At":)\w+/g, '$1null'));
    return fixed.map((text) => (text.includes('"rememberMe"') ? inOrder(text) : text)).join('\n');
  }

  async #screen(): Promise<{ screenId: string; commandId: string }> {
    const { world, owner, controller } = this;
    const { screenId } = await world.createScreen(owner);
    const token = owner.accessToken;
    await world.http.call('PUT', `/api/screens/${screenId}/controllers/${controller.userId}`, { token });
    const { body } = await world.http.post(`/api/screens/${screenId}/trigger`, { action: 'show' }, token);
    return { screenId, commandId: (body as { id: string }).id };
  }

  /** The controller takes a seat in it, which they hold as long as the callers live. */
  async #room(): Promise<{ roomId: string }> {
    const roomId = await this.#openRoom();
    this.#member ??= this.world.controller(this.controller);
    expect(await send(await this.#member, 'join-room', roomId)).toMatchObject({ success: true });
    return { roomId };
  }

  async #openRoom(): Promise<string> {
    const room = { name: 'Stand-up', persistent: true, commanders: 'members', maxUsers: 100 };
    const { body, text, status } = await this.world.http.post('/api/rooms', room, this.owner.accessToken);
    expect(status, text).toBe(201);
    return (body as { room: { roomId: string } }).room.roomId;
  }

  async #login(): Promise<string> {
    const { accessToken } = await this.world.logIn(this.owner);
    const [, payload = ''] = accessToken.split('.');
    return String(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')).sid);
  }

  async #prepare(): Promise<void> {
    const { world, owner, controller, stranger, admin } = this;
    const [own, other] = await Promise.all([world.device(owner), world.device(stranger)]);
    this.#fixed = [
      { name: 'nobody', token: undefined, kind: 'anonymous' },
      {
        name: 'the owner',
        token: owner.accessToken,
        kind: 'user',
        role: 'owner',
        roomRole: 'owner',
        isMaker: true,
      },
      {
        name: 'a controller',
        token: controller.accessToken,
        kind: 'user',
        role: 'controller',
        roomRole: 'member',
      },
      { name: 'a stranger', token: stranger.accessToken, kind: 'user' },
      {
        name: 'an admin',
        token: admin.accessToken,
        kind: 'user',
        role: 'admin',
        roomRole: 'admin',
        isAdmin: true,
      },
      { name: 'a device of the owner', token: own.accessToken, kind: 'screen' },
      { name: 'a device of a stranger', token: other.accessToken, kind: 'screen' },
    ];
    // Of a screen that nobody connects as afterwards: what is requeued to it stays as it is.
    await this.#makeLetters(await world.device(owner));
  }

  /** Commands that a device of the owner's refused for good. */
  async #makeLetters(device: Device): Promise<void> {
    const { world, owner, controller } = this;
    const token = owner.accessToken;
    const { screenId } = device.screen;
    await world.http.call('PUT', `/api/screens/${screenId}/controllers/${controller.userId}`, { token });
    const refused = { status: 'failed', error: 'no', retryable: false };
    const { socket } = await world.connectScreen(device, () => refused);
    const sender = await world.controller(owner);
    const dead = new Promise<void>((resolve) => {
      let count = 0;
      sender.on('command-status', () => {
        count += 1;
        if (count === LETTERS) resolve();
      });
    });
    for (let i = 0; i < LETTERS; i += 1) {
      await world.http.post(`/api/screens/${screenId}/trigger`, { action: 'show' }, token);
    }
    await dead;
    const { body } = await world.http.get(`/api/dead-letters?screenId=${screenId}`, token);
    this.#letters.push(...(body as { items: { id: string }[] }).items.map(({ id }) => id));
    this.#screenOfLetters = { screenId };
    for (const open of [socket, sender]) open.disconnect();
  }

  #key(who: Account, scopes: readonly Scope[]): Promise<string> {
    const id = `${who.accessToken} ${scopes.join()}`;
    const known = this.#keys.get(id) ?? this.world.apiKey(who, scopes).then(({ key }) => key);
    this.#keys.set(id, known);
    return known;
  }
}

function inOrder(list: string): string {
  const { items } = JSON.parse(list) as { items: { id: string }[] };
  return JSON.stringify(items.sort((a, b) => a.id.localeCompare(b.id)));
}
