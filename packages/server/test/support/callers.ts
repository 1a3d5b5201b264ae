import type { Account, Device, World } from '@bongsu/conformance';
import { SCOPES, type Scope } from '@bongsu/protocol';
import { expect } from 'vitest';
import type { Right, ScreenRole } from '../../src/platform/rights.js';

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
}

const LETTERS = 20;

export type Need = 'letter' | 'key' | 'login';

/** Who tries. `role`: what they are to the screens of `Place`. */
export interface Caller {
  name: string;
  token: string | undefined;
  kind: 'anonymous' | 'user' | 'screen';
  role?: ScreenRole | undefined;
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

  /** Everybody that may want to use this right; keys with just its scope, and with all others. */
  async of({ scope }: Pick<Right, 'scope'>): Promise<Caller[]> {
    const key = async (who: 'owner' | 'stranger' | 'admin', scopes: readonly Scope[]) => ({
      token: await this.#key(this[who], scopes),
      kind: 'user' as const,
      scopes,
    });
    const just: readonly Scope[] = scope === null ? SCOPES : [scope];
    const others = SCOPES.filter((other) => other !== scope);
    return [
      ...this.#fixed,
      {
        name: 'key of the owner with the scope',
        ...(await key('owner', just)),
        role: 'owner',
        isMaker: true,
      },
      {
        name: 'key of the owner with all other scopes',
        ...(await key('owner', others)),
        role: 'owner',
        isMaker: true,
      },
      { name: 'key of a stranger with the scope', ...(await key('stranger', just)) },
      { name: 'key of an admin with the scope', ...(await key('admin', just)), role: 'admin', isAdmin: true },
    ];
  }

  /** Things of the owner's for those who only look. */
  shared(): Promise<Place> {
    this.#shared ??= this.place(undefined);
    return this.#shared;
  }

  /** Things of the owner's that nobody has touched yet. */
  async place(need: Need | undefined): Promise<Place> {
    const { world, owner } = this;
    const { screenId, commandId } = await this.#screen();
    const keyId = need === 'key' ? (await world.apiKey(owner, ['metrics:read'])).id : 'AAAAAAAAAA';
    const loginId = need === 'login' ? await this.#login() : '00000000-0000-4000-8000-000000000000';
    const letterId = need === 'letter' ? this.#letters.pop() : '00000000-0000-7000-8000-000000000000';
    if (letterId === undefined) throw new Error('there are too few dead letters');
    const letterScreenId = this.#screenOfLetters?.screenId ?? '';
    const { userId: strangerId } = this.stranger;
    const { userId: ownerId } = owner;
    return { screenId, commandId, letterId, letterScreenId, keyId, loginId, ownerId, strangerId };
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
      { name: 'the owner', token: owner.accessToken, kind: 'user', role: 'owner', isMaker: true },
      { name: 'a controller', token: controller.accessToken, kind: 'user', role: 'controller' },
      { name: 'a stranger', token: stranger.accessToken, kind: 'user' },
      { name: 'an admin', token: admin.accessToken, kind: 'user', role: 'admin', isAdmin: true },
      { name: 'a device of the owner', token: own.accessToken, kind: 'screen' },
      { name: 'a device of a stranger', token: other.accessToken, kind: 'screen' },
    ];
    await this.#makeLetters(own);
  }

  /** Commands that the owner's device refused for good. */
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
