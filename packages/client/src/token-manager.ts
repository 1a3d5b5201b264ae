import {
  AuthenticationError,
  BongsuError,
  type CsrfToken,
  type MfaChallenge,
  type SignedIn,
  type SteppedUp,
  type TokenPair,
  type VerificationRequired,
} from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import { type Clock, systemClock } from './clock.js';
import { CsrfTokens } from './csrf.js';
import { Emitter } from './emitter.js';
import { endsLogin, toBongsuError } from './errors.js';
import { type Fetch, type RequestOptions, readAnswer, send, toRequestInit } from './http.js';
import { browserLocks, exclusively, type Locks, openChannel, processLocks, type TabChannel } from './tabs.js';
import { memoryTokenStorage, type TokenStorage } from './token-storage.js';
import { onWake } from './wake.js';

/** What `connect` and `screen` need of whoever holds the tokens. */
export interface TokenSource {
  /** An access token that is good now. */
  getToken(): Promise<string>;
  /** A newer access token than the present one. */
  refresh(): Promise<string>;
  on<Name extends keyof TokenEvents>(event: Name, listener: (value: TokenEvents[Name]) => void): () => void;
}

export interface AccessToken {
  accessToken: string;
  /** Milliseconds since 1970 by this machine. */
  expiresAt: number;
}

export interface TokenEvents {
  /** A new access token, from a login, a refresh, or another tab. */
  tokens: AccessToken;
  /** The login is over; `error` says why when the server ended it. */
  'signed-out': { error?: BongsuError };
}

export interface ClientTokenManagerOptions {
  /** The server, e.g. "https://bongsu.example.org". */
  url: string | URL;
  /**
   * Keep the refresh token in an HttpOnly cookie and the access token in memory only: for people in browsers.
   * Default false: the refresh token is kept in `storage`.
   */
  cookies?: boolean;
  /** For devices. Default: memory. Not used in cookie mode. */
  storage?: TokenStorage;
  fetch?: Fetch;
  clock?: Clock;
  /** Default `navigator.locks`, where there is one. */
  locks?: Locks;
  /** Opens what tabs talk over. Default: a BroadcastChannel. */
  channel?: (name: string) => TabChannel | undefined;
}

export interface Credentials {
  email: string;
  password: string;
  /** Default false: the login ends when idle for SESSION_TIMEOUT_MINUTES. */
  rememberMe?: boolean;
}

const MAX_REFRESH_AHEAD_MS = 120_000;
/** Timers stop while a laptop sleeps and clocks are set right, so no wait is longer than this. */
const LONGEST_WAIT_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** How long a tab that waited for another one's refresh waits to be told its outcome. */
const ADOPTION_MS = 250;

type Message = ({ kind: 'tokens'; lifetimeMs: number } & AccessToken) | { kind: 'ask' | 'signed-out' };

/**
 * Holds a login: the access token in memory, the refresh token in a cookie or a storage. It refreshes by itself
 * before expiry, once for all tabs, and only AUTH_ERROR, TOKEN_EXPIRED or TOKEN_REVOKED end the login: network
 * faults, 5xx and 429 are tried again.
 * @example
 * const tokens = new ClientTokenManager({ url: 'https://bongsu.example.org' });
 * await tokens.login({ email, password });
 * const client = connect({ url: 'https://bongsu.example.org', tokens });
 */
export class ClientTokenManager extends Emitter<TokenEvents> implements TokenSource {
  private readonly url: URL;
  private readonly cookies: boolean;
  private readonly storage: TokenStorage;
  private readonly csrf: CsrfTokens;
  private readonly callFetch: Fetch;
  private readonly clock: Clock;
  private readonly locks: Locks;
  private readonly lockName: string;
  private readonly channel: TabChannel | undefined;
  private readonly stopListening: () => void;
  private access: (AccessToken & { lifetimeMs: number }) | undefined;
  private flight: Promise<string> | undefined;
  /** Counts logins and logouts: what was asked for before one must not land after it. */
  private generation = 0;
  private failures = 0;
  private blocked: { until: number; error: BongsuError } | undefined;
  private cancelTimer = () => {};
  private closed = false;

  constructor(options: ClientTokenManagerOptions) {
    super();
    this.url = new URL(options.url);
    this.cookies = options.cookies ?? false;
    this.storage = options.storage ?? memoryTokenStorage();
    this.callFetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.clock = options.clock ?? systemClock;
    this.csrf = new CsrfTokens(() => this.call<CsrfToken>('GET', '/api/auth/csrf'), this.clock);
    const shared = this.cookies ? 'cookie' : this.storage.name;
    // What is shared with nobody has turns of its own.
    this.lockName = `bongsu-tokens:${this.url.origin}:${shared ?? uuidv7()}`;
    this.locks = (shared === undefined ? undefined : (options.locks ?? browserLocks())) ?? processLocks;
    this.channel = shared === undefined ? undefined : (options.channel ?? openChannel)(this.lockName);
    this.channel?.onMessage((message) => this.hear(message as Message));
    this.stopListening = onWake(() => this.schedule());
  }

  /** True while an access token is at hand, expired or not. */
  get signedIn(): boolean {
    return this.access !== undefined;
  }

  /**
   * POST /api/auth/login. In cookie mode the answer has no refreshToken. `mfaRequired`: nobody is signed in until
   * `verifyMfa` has brought a code, and whoever was signed in before still is.
   * @example
   * const answer = await tokens.login({ email, password });
   * if ('mfaRequired' in answer) await tokens.verifyMfa({ challengeId: answer.challengeId, code: await askForCode() });
   * @throws BongsuError AUTH_ERROR, VALIDATION_ERROR, RATE_LIMIT, ACCOUNT_LOCKED, UNAVAILABLE
   */
  login(credentials: Credentials): Promise<SignedIn | MfaChallenge> {
    return this.enter('/api/auth/login', credentials);
  }

  /**
   * POST /api/auth/mfa/verify: the second step, by TOTP or recovery code; signs in as `login` does.
   * @throws BongsuError AUTH_ERROR (`details.triesLeft` where only the code was wrong; without it, or at 0, log in again),
   * ACCOUNT_LOCKED, RATE_LIMIT, UNAVAILABLE
   */
  verifyMfa(proof: { challengeId: string; code: string }): Promise<SignedIn> {
    return this.enter('/api/auth/mfa/verify', proof);
  }

  /**
   * POST /api/auth/signup, and signed in; `verificationRequired` where the address is to be confirmed by mail first.
   * @throws BongsuError CONFLICT (the address is taken), VALIDATION_ERROR, FORBIDDEN (sign-up is closed)
   */
  signup(account: {
    email: string;
    password: string;
    username: string;
  }): Promise<SignedIn | VerificationRequired> {
    return this.enter<SignedIn | VerificationRequired>('/api/auth/signup', account);
  }

  /** POST /api/auth/setup: makes the first administrator with the one-time token of the server's log. */
  setup(account: { token: string; email: string; password: string; username: string }): Promise<SignedIn> {
    return this.enter('/api/auth/setup', account);
  }

  /**
   * An access token that is good for a while, refreshed if need be.
   * @throws BongsuError AUTH_ERROR and other 401s when signed out; UNAVAILABLE when the server is out of reach
   */
  async getToken(): Promise<string> {
    if (!this.access && !this.cookies) {
      const { generation } = this;
      const stored = await this.storage.load();
      if (generation === this.generation && !this.access) this.remember(stored);
    }
    const access = this.access;
    if (access && this.isFresh(access)) return access.accessToken;
    try {
      return await this.refresh();
    } catch (error) {
      // An early refresh that failed for now takes nothing from a token that still works.
      const stillGood = this.access && this.clock.now() < this.access.expiresAt;
      if (stillGood && this.access && !endsLogin(error)) return this.access.accessToken;
      throw error;
    }
  }

  /** `Bearer …`, for the Authorization header. @throws as getToken */
  async getAuthorizationHeader(): Promise<string> {
    return `Bearer ${await this.getToken()}`;
  }

  /**
   * Exchanges the refresh token for a new pair; concurrent calls, in all tabs, share one exchange. One try: what
   * fails for now is tried again in the background, and by the next call once the server's retryAfterMs is over.
   * @throws BongsuError AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED (the login is over); UNAVAILABLE, RATE_LIMIT …
   */
  refresh(): Promise<string> {
    this.flight ??= this.refreshOnce().finally(() => {
      this.flight = undefined;
    });
    return this.flight;
  }

  /**
   * Ends the login here, in other tabs and on the server.
   * @throws BongsuError UNAVAILABLE when the server could not be told; here it is over all the same
   */
  async logout(): Promise<void> {
    const stored = this.cookies ? undefined : await this.storage.load();
    await this.signOut();
    if (this.cookies) await this.postByCookie('/api/auth/logout', await this.csrfUnlessOver());
    else if (stored) await this.post('/api/auth/logout', this.refreshBody(stored.refreshToken));
  }

  /**
   * fetch with the Authorization header; relative urls are the server's. A 401 TOKEN_EXPIRED is tried once more
   * with a new token. The header goes to the server's own origin only.
   * @throws as fetch, and as getToken
   */
  fetch = async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input, this.url);
    if (url.origin !== this.url.origin) return this.callFetch(url, init);
    const token = await this.getToken();
    const response = await this.callFetch(url, withAuthorization(init, token));
    if (response.status !== 401 || init.body instanceof ReadableStream) return response;
    const refusal = await readAnswer(response.clone()).catch((error: unknown) => error);
    if (!(refusal instanceof BongsuError) || refusal.code !== 'TOKEN_EXPIRED') return response;
    const newer = this.access?.accessToken === token ? await this.refresh() : await this.getToken();
    return this.callFetch(url, withAuthorization(init, newer));
  };

  /**
   * A JSON call of the API with the login's token: the resource, or a throw of the protocol's error.
   * @example const { items } = await tokens.request<{ items: Screen[] }>('/api/screens');
   */
  async request<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return readAnswer<T>(await send(this.fetch as Fetch, new URL(path, this.url), toRequestInit(options)));
  }

  /**
   * POST /api/auth/step-up: proves anew who sits there, for what answers STEP_UP_REQUIRED.
   * @throws BongsuError AUTH_ERROR, MFA_REQUIRED (`code` is due as well), RATE_LIMIT, ACCOUNT_LOCKED, UNAVAILABLE
   */
  async stepUp(proof: { password: string; code?: string }): Promise<SteppedUp> {
    const { generation } = this;
    const answer = await this.request<SteppedUp>('/api/auth/step-up', { body: proof });
    return this.inTurn(async () => {
      if (generation !== this.generation) throw new AuthenticationError('AUTH_ERROR');
      // Only the access token is new; in turn, so that what is stored is not replaced between reading and writing.
      const stored = this.cookies ? undefined : await this.storage.load();
      await this.adopt({ ...answer, refreshToken: stored?.refreshToken });
      return answer;
    });
  }

  /** Stops timers and listeners. The login stays as it is. */
  close(): void {
    this.closed = true;
    this.cancelTimer();
    this.stopListening();
    this.channel?.close();
  }

  /** No refresh runs meanwhile, here or in another tab: its answer would put the former login's cookie over the new one. */
  private enter<Answer extends object>(path: string, body: unknown): Promise<Answer> {
    return this.inTurn(async () => {
      const answer = await this.post<Answer>(path, body);
      if (!isSignedIn(answer)) return answer;
      this.generation += 1;
      this.csrf.forget();
      // Another tab's tokens belong to the login that this one replaces.
      this.channel?.post({ kind: 'signed-out' } satisfies Message);
      await this.adopt(answer);
      return answer;
    });
  }

  /** One after another, over all tabs: what changes the tokens. Nothing in `task` may ask for a refresh: it would wait for itself. */
  private inTurn<T>(task: (waited: boolean) => Promise<T>): Promise<T> {
    return exclusively(this.locks, this.lockName, task);
  }

  private async refreshOnce(): Promise<string> {
    const { generation } = this;
    if (this.blocked && this.clock.now() < this.blocked.until) throw this.blocked.error;
    try {
      const token = await this.inTurn((waited) =>
        generation === this.generation ? this.refreshInTurn(waited) : this.tokenOfNewerLogin(waited),
      );
      this.failures = 0;
      this.blocked = undefined;
      return token;
    } catch (error) {
      const failure = toBongsuError(error);
      if (generation === this.generation && endsLogin(failure)) await this.signOut(failure);
      else this.retryLater(failure);
      throw failure;
    }
  }

  /** A login that was in front, here or in another tab, has made what was asked for; a logout has not. */
  private async tokenOfNewerLogin(waited: boolean): Promise<string> {
    if (!this.access && waited) await this.adoptFromOtherTab();
    if (!this.access && !this.cookies) this.remember(await this.storage.load());
    return this.currentToken();
  }

  private async refreshInTurn(waited: boolean): Promise<string> {
    const before = this.access?.accessToken;
    if (waited) await this.adoptFromOtherTab();
    if (!this.cookies) {
      const stored = await this.storage.load();
      if (stored && stored.accessToken !== before) this.remember(stored);
    }
    if (this.access && this.access.accessToken !== before && this.isFresh(this.access)) {
      return this.access.accessToken;
    }
    return this.rotate();
  }

  private async rotate(): Promise<string> {
    const { generation } = this;
    const stored = this.cookies ? undefined : await this.storage.load();
    if (!this.cookies && !stored) throw new AuthenticationError('AUTH_ERROR');
    const pair = this.cookies
      ? await this.postByCookie<TokenPair>('/api/auth/refresh', this.csrf.current)
      : await this.post<TokenPair>('/api/auth/refresh', this.refreshBody(stored?.refreshToken));
    if (generation !== this.generation) return this.currentToken();
    await this.adopt({ ...pair, refreshToken: pair.refreshToken ?? stored?.refreshToken });
    return pair.accessToken;
  }

  private currentToken(): string {
    if (!this.access) throw new AuthenticationError('AUTH_ERROR');
    return this.access.accessToken;
  }

  /** Makes new tokens ours. They are durable before they are used, or a crash would leave only spent ones. */
  private async adopt(pair: { accessToken: string; refreshToken?: string | undefined; expiresIn: number }) {
    const { accessToken, refreshToken } = pair;
    const lifetimeMs = pair.expiresIn * 1000;
    const expiresAt = this.clock.now() + lifetimeMs;
    if (!this.cookies && refreshToken) await this.storage.save({ refreshToken, accessToken, expiresAt });
    this.hold({ accessToken, expiresAt, lifetimeMs });
    this.channel?.post({ kind: 'tokens', accessToken, expiresAt, lifetimeMs } satisfies Message);
  }

  private hold(access: AccessToken & { lifetimeMs: number }): void {
    this.access = access;
    this.failures = 0;
    this.blocked = undefined;
    this.schedule();
    this.emit('tokens', { accessToken: access.accessToken, expiresAt: access.expiresAt });
  }

  private remember(stored: AccessToken | undefined): void {
    if (!stored) return;
    const { accessToken, expiresAt } = stored;
    this.hold({ accessToken, expiresAt, lifetimeMs: Math.max(0, expiresAt - this.clock.now()) });
  }

  private async signOut(error?: BongsuError): Promise<void> {
    const known = this.access !== undefined;
    this.generation += 1;
    this.access = undefined;
    this.cancelTimer();
    if (!this.cookies) await this.storage.clear();
    this.channel?.post({ kind: 'signed-out' } satisfies Message);
    if (known) this.emit('signed-out', error ? { error } : {});
  }

  private hear(message: Message): void {
    if (message.kind === 'ask') {
      if (this.access && this.isFresh(this.access)) {
        this.channel?.post({ kind: 'tokens', ...this.access } satisfies Message);
      }
    } else if (message.kind === 'tokens') {
      const { accessToken, expiresAt, lifetimeMs } = message;
      if (accessToken !== this.access?.accessToken && expiresAt > (this.access?.expiresAt ?? 0)) {
        this.hold({ accessToken, expiresAt, lifetimeMs });
      }
    } else if (this.access) {
      this.generation += 1;
      this.access = undefined;
      this.cancelTimer();
      this.emit('signed-out', {});
    }
  }

  private async adoptFromOtherTab(): Promise<void> {
    if (!this.cookies || !this.channel) return;
    const { channel } = this;
    await new Promise<void>((resolve) => {
      const stop = this.on('tokens', () => done());
      const cancel = this.clock.after(ADOPTION_MS, () => done());
      const done = () => {
        cancel();
        stop();
        resolve();
      };
      channel.post({ kind: 'ask' } satisfies Message);
    });
  }

  private retryLater(error: BongsuError): void {
    const now = this.clock.now();
    const waitMs =
      error.retryAfterMs ?? Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    if (error.retryAfterMs !== undefined) this.blocked = { until: now + error.retryAfterMs, error };
    if (this.access) this.arm(waitMs);
  }

  private schedule(): void {
    if (!this.access) return;
    const dueInMs = this.access.expiresAt - refreshAheadMs(this.access.lifetimeMs) - this.clock.now();
    this.arm(dueInMs);
  }

  private arm(waitMs: number): void {
    this.cancelTimer();
    if (this.closed) return;
    this.cancelTimer = this.clock.after(
      Math.min(Math.max(waitMs, 0), LONGEST_WAIT_MS),
      () => {
        const blockedMs = (this.blocked?.until ?? 0) - this.clock.now();
        if (blockedMs > 0) this.arm(blockedMs);
        else if (this.access && this.isFresh(this.access)) this.schedule();
        else this.refresh().catch(() => {});
      },
      { background: true },
    );
  }

  private isFresh(access: AccessToken & { lifetimeMs: number }): boolean {
    return this.clock.now() < access.expiresAt - refreshAheadMs(access.lifetimeMs);
  }

  private refreshBody(refreshToken: string | undefined): unknown {
    return refreshToken === undefined ? undefined : { refreshToken };
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return this.call<T>('POST', path, body);
  }

  /** The cookie says whose login it is; a CSRF token that was refused is renewed, once. */
  private async postByCookie<T>(path: string, csrfToken: string | undefined): Promise<T> {
    try {
      return await this.call<T>('POST', path, undefined, csrfToken);
    } catch (error) {
      if (!(error instanceof BongsuError) || error.code !== 'CSRF_ERROR') throw error;
      return await this.call<T>('POST', path, undefined, await this.csrf.renew());
    }
  }

  /** A login that is over has no token, and its cookie is taken back without one. */
  private async csrfUnlessOver(): Promise<string | undefined> {
    try {
      return await this.csrf.get();
    } catch (error) {
      if (endsLogin(error)) return undefined;
      throw error;
    } finally {
      this.csrf.forget();
    }
  }

  private async call<T>(method: string, path: string, body?: unknown, csrfToken?: string): Promise<T> {
    const mode: Record<string, string> = this.cookies ? { 'x-bongsu-cookies': '1' } : {};
    const csrf: Record<string, string> = csrfToken === undefined ? {} : { 'x-csrf-token': csrfToken };
    const init = toRequestInit({ method, body, headers: { ...mode, ...csrf } });
    const credentials: RequestInit = this.cookies ? { credentials: 'include' } : {};
    return readAnswer<T>(await send(this.callFetch, new URL(path, this.url), { ...init, ...credentials }));
  }
}

/** False where another step is due first. */
function isSignedIn(answer: object): answer is SignedIn {
  return 'accessToken' in answer;
}

/** The last fifth of a token's life, and at most two minutes, is for replacing it. */
function refreshAheadMs(lifetimeMs: number): number {
  return Math.min(MAX_REFRESH_AHEAD_MS, lifetimeMs / 5);
}

function withAuthorization(init: RequestInit, token: string): RequestInit {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${token}`);
  return { ...init, headers };
}
