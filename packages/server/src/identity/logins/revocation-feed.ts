import type { ClosingKey } from '@bongsu/protocol';
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { readEpoch } from '../../platform/database/epoch.js';
import type { Bus } from '../../platform/ephemeral/ephemeral.js';
import { FreshRun } from '../../platform/fresh-run.js';
import type { Log } from '../../platform/log.js';
import type { KeyHolders } from '../api-keys/holders.js';
import {
  deleteOldRevocations,
  findRevocationsAfter,
  highestRevocation,
  type Revocation,
} from '../store/revocations.js';
import { COMPROMISED } from '../tokens/key-states.js';
import type { SigningKeys } from '../tokens/signing-keys.js';
import type { LiveSessions } from './live-sessions.js';
import { MARGIN_MS } from './revoke.js';

export interface Revoked {
  sessionId?: string;
  userId?: string;
  /** An API key that has ended, or ends at another time than before: its sockets must ask. */
  apiKeyId?: string;
  /** All that came with an access token. */
  accessTokens?: true;
}

export type RevokedListener = (who: Revoked, closing: ClosingKey) => void;
export type ChangedListener = (who: Revoked) => void;

export interface RevocationFeedDeps {
  database: Database;
  bus: Bus;
  clock: Clock;
  log: Log;
  live: Pick<LiveSessions, 'settle' | 'forgetUser' | 'forgetAll'>;
  keyHolders: Pick<KeyHolders, 'forget' | 'forgetUser' | 'forgetAll'>;
  keys: Pick<SigningKeys, 'hear' | 'reload'>;
}

/** Reasons by which nothing ends: the login or user is another than before. Every other reason ends it. */
const CHANGES: ReadonlySet<string> = new Set(['role', 'profile', 'proven', 'enabled']);
const CHANNEL = 'identity.revocations';
const POLL_MS = 2500;
/** Of each statement of a poll: every later one waits behind one that hangs on a dead connection. */
const POLL_DEADLINE = { timeoutMs: 2000 };
const STALE_MS = 10_000;
/** A transaction commits after its number was taken: numbers this young are read again, in case one comes late. */
const OVERLAP_MS = 30_000;
const OVERLAP_ROWS = 1000;
const FIRST_LOOK_MS = 10;
const EVERYBODY: Revoked = {};

/**
 * Ends what was revoked in this process, and makes it see what was changed: at once for its own transactions, by a hint over the bus or by the next poll of
 * SQL for everybody else's. The poll alone is enough for all to hear within five seconds.
 */
export class RevocationFeed {
  readonly #deps: RevocationFeedDeps;
  readonly #onRevoked = new Set<RevokedListener>();
  readonly #onChanged = new Set<ChangedListener>();
  readonly #cancels: (() => void)[] = [];
  #seen = new Set<number>();
  /** Everything up to here was seen or will never come. */
  #floor = 0;
  #highest = 0;
  #mark = { seq: 0, at: 0 };
  #freshAt = Number.NEGATIVE_INFINITY;
  /** Numbers are of this epoch: in another one, the same ones come again. */
  #epoch = '';
  readonly #polling = new FreshRun(() => this.#read());
  /** The poll that was asked for last: one that is under way ends before it. */
  #lastPoll: Promise<void> = Promise.resolve();

  constructor(deps: RevocationFeedDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { database, clock, bus } = this.#deps;
    await this.#begin(await readEpoch(database));
    this.#cancels.push(
      clock.every(POLL_MS, () => this.#pollQuietly()),
      bus.subscribe(CHANNEL, ({ publisher }) => {
        if (publisher !== bus.publisher) this.#pollQuietly();
      }),
    );
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels.splice(0)) cancel();
    await this.#lastPoll.catch(() => undefined);
  }

  onRevoked(listener: RevokedListener): () => void {
    this.#onRevoked.add(listener);
    return () => this.#onRevoked.delete(listener);
  }

  /**
   * A login or user that lives on has another role, name or proof than before; it was forgotten here already. Told of nobody by name it
   * means everybody: SQL was away for so long that anything may have been missed.
   */
  onChanged(listener: ChangedListener): () => void {
    this.#onChanged.add(listener);
    return () => this.#onChanged.delete(listener);
  }

  /** False when SQL has not answered for so long that others may have revoked what is cached here. */
  isFresh(): boolean {
    return this.#deps.clock.monotonic() - this.#freshAt <= STALE_MS;
  }

  /** This process's own transaction has committed. */
  committed(revocations: readonly Revocation[]): void {
    if (revocations.length === 0) return;
    for (const revocation of revocations) this.#apply(revocation);
    this.#deps.bus.publish(CHANNEL, {});
  }

  /** A transaction whose end is not ours to see has taken this number: looks for it soon, then ever more rarely. */
  expect(seq: number, delayMs = FIRST_LOOK_MS): void {
    if (delayMs > POLL_MS) return;
    this.#deps.clock.after(delayMs, () => {
      if (this.#seen.has(seq)) return;
      this.poll().then(
        () => (this.#seen.has(seq) ? this.#deps.bus.publish(CHANNEL, {}) : this.expect(seq, delayMs * 2)),
        () => this.expect(seq, delayMs * 2),
      );
    });
  }

  /** Reads what is new, by a reading that begins after the call. */
  poll(): Promise<void> {
    this.#lastPoll = this.#polling.run();
    return this.#lastPoll;
  }

  async prune(now: number): Promise<void> {
    await deleteOldRevocations(this.#deps.database, now);
  }

  /** Nothing is cached yet, or will be believed, so what is there already concerns nobody; only later numbers and late ones do. */
  async #begin(epoch: string): Promise<void> {
    const { database, clock } = this.#deps;
    const asked = clock.monotonic();
    const highest = await highestRevocation(database);
    const floor = Math.max(0, highest - OVERLAP_ROWS);
    const rows = await findRevocationsAfter(database, floor);
    this.#seen = new Set(rows.map(({ seq }) => seq));
    this.#floor = floor;
    this.#highest = highest;
    this.#freshAt = asked;
    this.#mark = { seq: highest, at: asked };
    this.#epoch = epoch;
  }

  /** Data may have gone back: numbers come again, and what is cached may never have been. */
  async #beginAnew(epoch: string): Promise<void> {
    this.#deps.log.warn({ epoch }, 'new epoch: logins and keys are read anew');
    await this.#begin(epoch);
    this.#doubtAll();
    await this.#deps.keys.reload();
  }

  async #read(): Promise<void> {
    const asked = this.#deps.clock.monotonic();
    const epoch = await readEpoch(this.#deps.database, POLL_DEADLINE);
    if (epoch !== this.#epoch) return this.#beginAnew(epoch);
    const rows = await findRevocationsAfter(this.#deps.database, this.#floor, POLL_DEADLINE);
    for (const row of rows) this.#apply(row);
    const missed = asked - this.#freshAt > MARGIN_MS;
    this.#freshAt = asked;
    // What was revoked in between may have been thrown away before it was read here.
    if (missed) this.#doubtAll();
    if (asked - this.#mark.at < OVERLAP_MS) return;
    this.#floor = this.#mark.seq;
    this.#mark = { seq: this.#highest, at: asked };
    for (const seq of this.#seen) if (seq <= this.#floor) this.#seen.delete(seq);
  }

  #doubtAll(): void {
    this.#deps.live.forgetAll();
    this.#deps.keyHolders.forgetAll();
    this.#tell(this.#onChanged, EVERYBODY, (listener) => listener(EVERYBODY));
  }

  #apply(revocation: Revocation): void {
    if (this.#seen.has(revocation.seq)) return;
    this.#seen.add(revocation.seq);
    this.#highest = Math.max(this.#highest, revocation.seq);
    const { kind, id, reason } = revocation;
    const { live, keyHolders } = this.#deps;
    if (kind === 'session') live.settle(id);
    if (kind === 'user') live.forgetUser(id);
    if (kind === 'user') keyHolders.forgetUser(id);
    if (kind === 'api-key') keyHolders.forget(id);
    if (kind === 'key') this.#applyKey(revocation);
    const who = whoIs(revocation);
    if (!who) return;
    if (CHANGES.has(reason)) this.#tell(this.#onChanged, who, (listener) => listener(who));
    else this.#tell(this.#onRevoked, who, (listener) => listener(who, closingOf(revocation)));
  }

  /** Sockets that a stolen key may have opened are ended as expired ones are: whoever has a right to be there comes back. */
  #applyKey(revocation: Revocation): void {
    this.#deps.keys
      .hear(revocation)
      .catch((err: unknown) => this.#deps.log.warn({ err }, 'signing keys could not be read anew'));
    if (revocation.reason !== COMPROMISED) return;
    this.#tell(this.#onRevoked, { accessTokens: true }, (listener) =>
      listener({ accessTokens: true }, 'TOKEN_EXPIRED'),
    );
  }

  #tell<Listener>(listeners: ReadonlySet<Listener>, who: Revoked, call: (listener: Listener) => void): void {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (err) {
        this.#deps.log.error({ err, ...who }, 'a listener for ended or changed logins failed');
      }
    }
  }

  #pollQuietly(): void {
    this.poll().catch((err: unknown) => this.#deps.log.warn({ err }, 'ended logins could not be read'));
  }
}

/** Undefined where no connection is concerned. */
function whoIs({ kind, id }: Revocation): Revoked | undefined {
  switch (kind) {
    case 'session':
      return { sessionId: id };
    case 'user':
      return { userId: id };
    case 'api-key':
      return { apiKeyId: id };
    default:
      return undefined;
  }
}

function closingOf({ reason }: Revocation): ClosingKey {
  return reason === 'disabled' ? 'ACCOUNT_DISABLED' : 'TOKEN_REVOKED';
}
