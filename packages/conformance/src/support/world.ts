import {
  ClaimedPairingSchema,
  type CreatedApiKey,
  CreatedApiKeySchema,
  type DeviceCredential,
  DeviceCredentialSchema,
  type Scope,
  type Screen,
  SignedInSchema,
} from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect } from 'vitest';
import type { Target } from '../target.js';
import { expectBody, HttpClient } from './http.js';
import { type Answering, Sockets, StockScreen } from './sockets.js';

const REVOKED_WITHIN_MS = 5000;
/** So many that each of the nodes behind a balancer is asked. */
const ASKED_OF_SEVERAL = 8;

export interface Account {
  userId: string;
  username: string;
  email: string;
  password: string;
  accessToken: string;
  refreshToken: string;
}

export interface Device extends DeviceCredential {
  screen: Screen;
}

const CreatedScreenSchema = ClaimedPairingSchema.pick({ screen: true });

/** The server under test, and the people and screens that the rules are tried with. */
export class World {
  readonly http: HttpClient;
  /** What no proxy is in the way of. */
  readonly neighbour: HttpClient;
  readonly sockets: Sockets;
  private readonly people = new Map<string, Promise<Account>>();

  constructor(readonly target: Target) {
    this.http = new HttpClient(target.url);
    this.neighbour = new HttpClient(target.neighbourUrl ?? target.url);
    this.sockets = new Sockets(target.sockets ?? target.url);
  }

  /**
   * Somebody by name, signed up when first asked for: hashing a password is what a suite spends its time on. The traveller is who
   * logs in again and again, for one login more than MAX_CONCURRENT_SESSIONS ends the oldest.
   */
  person(name: 'owner' | 'stranger' | 'traveller'): Promise<Account> {
    const known = this.people.get(name) ?? this.signUp();
    this.people.set(name, known);
    return known;
  }

  /** The access token of an administrator; undefined when the target names none. */
  async admin(): Promise<string | undefined> {
    if (this.target.admin === undefined) return undefined;
    const answer = await this.http.post('/api/auth/login', this.target.admin);
    return expectBody(answer, 200, SignedInSchema).accessToken;
  }

  async signUp(): Promise<Account> {
    const credentials = {
      email: `someone-${v4()}@example.com`,
      password: `correct horse ${v4()}`,
      username: 'Someone',
    };
    const answer = await this.http.post('/api/auth/signup', credentials);
    const { user, accessToken, refreshToken } = expectBody(answer, 201, SignedInSchema);
    if (refreshToken === undefined) throw new Error('no refresh token in the body');
    return { ...credentials, userId: user.userId, accessToken, refreshToken };
  }

  async logIn(account: Account): Promise<Account> {
    const { email, password } = account;
    const answer = await this.http.post('/api/auth/login', { email, password });
    const { accessToken, refreshToken } = expectBody(answer, 200, SignedInSchema);
    if (refreshToken === undefined) throw new Error('no refresh token in the body');
    return { ...account, accessToken, refreshToken };
  }

  async createScreen(owner: Account, name = 'Lobby'): Promise<Screen> {
    const answer = await this.http.post('/api/screens', { name }, owner.accessToken);
    return expectBody(answer, 201, CreatedScreenSchema).screen;
  }

  async credential(owner: Account, screenId: string): Promise<DeviceCredential> {
    const path = `/api/screens/${encodeURIComponent(screenId)}/credentials`;
    const answer = await this.http.post(path, {}, owner.accessToken);
    if (answer.status === 201) return expectBody(answer, 201, DeviceCredentialSchema);
    return expectBody(answer, 200, DeviceCredentialSchema);
  }

  /** A new screen with a credential. */
  async device(owner: Account): Promise<Device> {
    const screen = await this.createScreen(owner);
    return { ...(await this.credential(owner, screen.screenId)), screen };
  }

  async apiKey(owner: Account, scopes: readonly Scope[], name = 'A service'): Promise<CreatedApiKey> {
    const answer = await this.http.post('/api/api-keys', { name, scopes }, owner.accessToken);
    return expectBody(answer, 201, CreatedApiKeySchema);
  }

  /** At once where it was ended, and within 5 s on all nodes: then the token, or the key, is TOKEN_REVOKED. */
  async expectRevoked(token: string): Promise<void> {
    const { count } = this.sockets.places;
    const asked = Array.from({ length: count === 1 ? 1 : ASKED_OF_SEVERAL });
    const codes = async () => {
      const answers = await Promise.all(asked.map(() => this.http.get('/api/users/me', token)));
      return new Set(answers.map(({ body }) => (body as { error?: { code: string } }).error?.code));
    };
    const revoked = new Set(['TOKEN_REVOKED']);
    if (count === 1) expect(await codes()).toEqual(revoked);
    else await expect.poll(codes, { timeout: REVOKED_WITHIN_MS }).toEqual(revoked);
  }

  /** A user's socket, after `ready`. */
  async controller(account: Account) {
    return (await this.sockets.connect({ token: account.accessToken })).socket;
  }

  /** A screen's socket, after `ready`. */
  connectScreen(device: DeviceCredential, answer?: Answering, auth: Record<string, unknown> = {}) {
    return StockScreen.connect(this.sockets, { token: device.accessToken, ...auth }, answer);
  }
}

/** A good trigger; `over` replaces fields, and undefined ones are left out. */
export function trigger(screenId: string, over: Record<string, unknown> = {}) {
  return { id: v7(), timestamp: Date.now(), target: { screenId }, action: 'show', ...over };
}

export function navigate(screenId: string, over: Record<string, unknown> = {}) {
  return { id: v7(), timestamp: Date.now(), target: { screenId }, url: 'https://example.com/menu', ...over };
}

/** How the families reach the one world of a run. */
export type GetWorld = () => World;
