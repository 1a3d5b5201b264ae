import { BongsuError, type DeviceCredential, type Entry } from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import { type Clock, sleep, systemClock } from './clock.js';
import { Connection, type StateChange } from './connection.js';
import { Emitter } from './emitter.js';
import { EntryRunner } from './entry-runner.js';
import { toBongsuError } from './errors.js';
import { pair } from './pairing.js';
import { Reporter } from './reporter.js';
import type { ScreenEvents, ScreenOptions, ScreenState, ScreenStateChange } from './screen-types.js';
import { browserLocks } from './tabs.js';
import { ClientTokenManager } from './token-manager.js';
import type { StoredTokens, TokenStorage } from './token-storage.js';

export type * from './screen-types.js';

const CREDENTIAL = 'credential';

const streamOf = (screenId: string) => `screen:${screenId}`;

type StoredCredential = StoredTokens & { screenId: string };

/** A paired screen. Made by `screen`. */
export class Screen extends Emitter<ScreenEvents> {
  state: ScreenState = 'connecting';
  /** Known once paired. */
  screenId: string | undefined;
  private readonly stop = new AbortController();
  private readonly finished: Promise<void>;
  private readonly clock: Clock;
  private readonly instanceId = uuidv7();
  private readonly reporter: Reporter;
  private forgetting = false;
  /** Sessions that were refused since the last one that was online. */
  private refusals = 0;

  constructor(private readonly options: ScreenOptions) {
    super();
    this.clock = options.clock ?? systemClock;
    this.reporter = new Reporter(this.clock);
    // Later, so that the caller can attach listeners first.
    this.finished = Promise.resolve().then(() => this.main());
  }

  /** Disconnects for good. Resolves once the running handler has ended and its place is stored. */
  async close(): Promise<void> {
    this.stop.abort(new BongsuError('UNAVAILABLE', { details: { reason: 'closed' } }));
    await this.finished;
  }

  /**
   * Closes, and drops the credential and the place from the store: the next start with it pairs anew. The server
   * keeps the credential until it is revoked there.
   */
  async forget(): Promise<void> {
    this.forgetting = true;
    await this.close();
    if (this.forgetting) await this.erase();
  }

  /**
   * Tells what a display shows when no navigate brought it there, e.g. after a touch. An executed navigate needs no
   * report. Resolves once the server has it, or a later one of the same display; waits for the connection.
   * @throws BongsuError e.g. VALIDATION_ERROR; UNAVAILABLE when closed
   */
  report(url: string, displayIndex = 0): Promise<void> {
    return this.reporter.report(url, displayIndex);
  }

  private async main(): Promise<void> {
    let end: Omit<StateChange, 'state'> = {};
    try {
      end = await this.alone(async () => {
        const change = await this.sessions().finally(() => this.reporter.close());
        // Before another tab takes over.
        if (this.forgetting) await this.erase();
        return change;
      });
    } catch (error) {
      if (!this.stop.signal.aborted) end = { error: toBongsuError(error) };
    }
    this.reporter.close();
    this.setState({ ...end, state: 'closed' });
  }

  private async erase(): Promise<void> {
    const { store } = this.options;
    const stored = (await store.get(CREDENTIAL)) as StoredCredential | undefined;
    await store.delete(CREDENTIAL);
    const screenId = stored?.screenId ?? this.screenId;
    if (screenId !== undefined) await store.delete(streamOf(screenId));
    this.forgetting = false;
  }

  /** Of all tabs with this store, one at a time. */
  private alone<T>(task: () => Promise<T>): Promise<T> {
    const { store, locks = browserLocks() } = this.options;
    if (!locks || store.name === undefined) return task();
    const { signal } = this.stop;
    let waiting = true;
    // Only a turn that does not come at once is worth telling.
    const cancel = this.clock.after(STANDBY_AFTER_MS, () => {
      if (waiting && !signal.aborted) this.setState({ state: 'standby' });
    });
    return locks
      .request(`bongsu-screen:${store.name}`, { signal }, () => {
        waiting = false;
        cancel();
        return task();
      })
      .finally(cancel);
  }

  /**
   * Session after session: when the server ended the credential, a screen that can show a code pairs anew. A refusal that
   * leaves the credential alone may pass, and nobody stands beside a screen to start it again.
   */
  private async sessions(): Promise<Omit<StateChange, 'state'>> {
    const { store, credential, onCode } = this.options;
    if (credential) await this.take(credential);
    for (;;) {
      let stored = (await store.get(CREDENTIAL)) as StoredCredential | undefined;
      if (!stored) {
        if (!onCode) return { error: new BongsuError('AUTH_ERROR') };
        stored = await this.pair(onCode);
      }
      this.screenId = stored.screenId;
      const end = await this.session(stored.screenId);
      if (this.stop.signal.aborted) return {};
      const kept = (await store.get(CREDENTIAL)) !== undefined;
      if (kept ? end.error?.status !== 401 : !onCode) return end;
      if (kept) await this.pause(end);
    }
  }

  /** @throws the reason of `close()` */
  private async pause(end: Omit<StateChange, 'state'>): Promise<void> {
    const { random = Math.random } = this.options;
    const longestMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.refusals, 10));
    this.refusals += 1;
    // Many screens are refused in one moment, and must not all come back in one.
    const retryInMs = (longestMs * (1 + random())) / 2;
    this.setState({ ...end, state: 'offline', retryInMs });
    await sleep(this.clock, retryInMs, this.stop.signal);
  }

  private async pair(onCode: NonNullable<ScreenOptions['onCode']>): Promise<StoredCredential> {
    const { url, fetch } = this.options;
    this.setState({ state: 'pairing' });
    const credential = await pair({
      url,
      onCode,
      signal: this.stop.signal,
      clock: this.clock,
      ...(fetch ? { fetch } : {}),
    });
    return this.save(credential);
  }

  private async take(credential: DeviceCredential): Promise<void> {
    const stored = (await this.options.store.get(CREDENTIAL)) as StoredCredential | undefined;
    // The stored one is further on in its rotation than the one it was made from.
    if (stored?.screenId !== credential.screenId) await this.save(credential);
  }

  private async save(credential: DeviceCredential): Promise<StoredCredential> {
    const { screenId, accessToken, refreshToken, expiresIn } = credential;
    const stored = { screenId, accessToken, refreshToken, expiresAt: this.clock.now() + expiresIn * 1000 };
    await this.options.store.set(CREDENTIAL, stored);
    return stored;
  }

  /** One connection, until it is closed for good. */
  private async session(screenId: string): Promise<Omit<StateChange, 'state'>> {
    const {
      url,
      path,
      policy = 'at-least-once',
      ackTimeoutMs,
      window,
      random = Math.random,
      store,
    } = this.options;
    const { clock } = this;
    const runner = new EntryRunner({
      store,
      stream: streamOf(screenId),
      policy,
      handle: (entry) => this.handle(entry),
      onReceipt: (entry, receipt) => this.emit('receipt', { entry, receipt }),
      onStoreFault: (error) => this.emit('store-fault', { error }),
    });
    await runner.load();
    const tokens = this.tokens(screenId);
    const connection = new Connection({
      url,
      path,
      tokens,
      clock,
      random,
      instanceId: this.instanceId,
      handshake: async () => ({
        ...(runner.resume ? { resume: runner.resume } : {}),
        ...(ackTimeoutMs === undefined ? {} : { ackTimeoutMs }),
        ...(window === undefined ? {} : { window }),
      }),
    });
    try {
      const end = await this.follow(connection, runner);
      await runner.idle();
      // The server may have ended the credential itself: asking for a new token tells, and clears it.
      if (end.error?.status === 401) await tokens.refresh().catch(() => {});
      return end;
    } finally {
      tokens.close();
    }
  }

  private follow(connection: Connection, runner: EntryRunner): Promise<Omit<StateChange, 'state'>> {
    const { signal } = this.stop;
    connection.on('link', (link) => {
      link.on('trigger', (entry, answer) => runner.take(link, entry, answer));
      link.on('navigate', (entry, answer) => runner.take(link, entry, answer));
    });
    connection.on('ready', ({ ready, link }) => {
      this.refusals = 0;
      runner.begin(link, ready);
      this.reporter.begin(link);
      this.emit('ready', ready);
    });
    connection.on('session-closing', (closing) => this.emit('session-closing', closing));
    return new Promise((resolve) => {
      const close = () => connection.close();
      connection.on('state', (change) => {
        if (change.state !== 'closed') return this.setState(change);
        signal.removeEventListener('abort', close);
        resolve(change);
      });
      signal.addEventListener('abort', close, { once: true });
      if (signal.aborted) connection.close();
      else connection.start();
    });
  }

  private async handle(entry: Entry): Promise<void> {
    const { onTrigger, onNavigate } = this.options;
    const context = { signal: this.stop.signal };
    if (entry.type === 'trigger' && onTrigger) await onTrigger(entry, context);
    else if (entry.type === 'navigate' && onNavigate) await onNavigate(entry, context);
    else throw Object.assign(new Error(`This screen takes no ${entry.type}.`), { retryable: false });
  }

  private tokens(screenId: string): ClientTokenManager {
    const { url, fetch, store, locks } = this.options;
    const storage: TokenStorage = {
      ...(store.name === undefined ? {} : { name: store.name }),
      load: async () => (await store.get(CREDENTIAL)) as StoredCredential | undefined,
      save: (tokens) => store.set(CREDENTIAL, { ...tokens, screenId } satisfies StoredCredential),
      clear: () => store.delete(CREDENTIAL),
    };
    return new ClientTokenManager({
      url,
      storage,
      clock: this.clock,
      ...(fetch ? { fetch } : {}),
      ...(locks ? { locks } : {}),
    });
  }

  private setState(change: ScreenStateChange): void {
    this.state = change.state;
    this.emit('state', change);
  }
}

const STANDBY_AFTER_MS = 100;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Runs a screen: pairs if it must, connects, and does what it is sent, each entry once and in order, across
 * reconnects and restarts. Returns at once.
 * @example
 * const lobby = screen({
 *   url: 'https://bongsu.example.org',
 *   store: indexedDbStore('lobby'),
 *   onCode: ({ code }) => show(`Type ${code} into the console`),
 *   onTrigger: ({ action, data }) => perform(action, data),
 *   onNavigate: ({ url }) => open(url),
 * });
 */
export function screen(options: ScreenOptions): Screen {
  return new Screen(options);
}
