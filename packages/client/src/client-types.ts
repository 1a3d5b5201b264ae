import type { Accepted, CommandStatus, Ready, SessionClosing } from '@bongsu/protocol';
import type { Clock } from './clock.js';
import type { StateChange } from './connection.js';
import type { Fetch } from './http.js';
import type { Outcome } from './outcomes.js';
import type { ScreenStore } from './screen-store.js';
import type { Locks } from './tabs.js';
import type { TokenSource } from './token-manager.js';

export interface ConnectOptions {
  /** The server, e.g. "https://bongsu.example.org". */
  url: string | URL;
  /** Where Socket.IO is mounted. Default "/socket.io". */
  path?: string;
  /** A login that renews itself. Either this or `token`. */
  tokens?: TokenSource;
  /** An access token, an API key, or what gives one. A function is asked again when its token expires. */
  token?: string | (() => string | Promise<string>);
  /**
   * Keeps waiting commands, and accepted ones that have not ended, over reloads and crashes: `indexedDbStore` or
   * `fileStore`, one name per account. Without it they live in memory. See the events `restored` and `queue-fault`.
   */
  queue?: ScreenStore;
  /** How long a command may wait to be accepted, offline or refused for now: up to 24 days. Default 60,000 ms. */
  queueTtlMs?: number;
  /** Commands that may wait at once; one more is refused with BUSY. Default 1,000. */
  maxQueued?: number;
  /** Bytes of JSON that may wait at once; then BUSY. Default 4 MiB. */
  maxQueuedBytes?: number;
  /** COMMAND_RETENTION_HOURS of the server, in milliseconds: past half of it no id is stamped anew. Default 24 h. */
  retentionMs?: number;
  clock?: Clock;
  /** Numbers in [0, 1) for the jitter. Default Math.random. */
  random?: () => number;
  fetch?: Fetch;
  /** Say which tab owns `queue`. Default `navigator.locks`, else this process's own. */
  locks?: Locks;
}

/** Of whatever is sent until it is accepted. */
export interface SendOptions {
  /** Refused as REPLAY_DETECTED when another command of yours carried it within 10 minutes. */
  nonce?: string;
  /** How long it may wait to be accepted. Default: the client's. */
  queueTtlMs?: number;
  /** Only to send again what is in doubt: the id of its CommandError. Default: a new UUIDv7. */
  id?: string;
  /** Stops the waiting, and takes back what is unsent; what was sent may still be accepted. */
  signal?: AbortSignal;
}

export interface CommandOptions extends SendOptions {
  /** Which display of the screen, 0–15. */
  displayIndex?: number;
  /** How long it may wait for its screen, from acceptance. Default and maximum: the server's retention (24 h). */
  ttlMs?: number;
  /** Which statuses come back: all, the last one, or none. Default all. */
  notify?: 'all' | 'final' | 'none';
}

export interface TriggerOptions extends CommandOptions {
  /** Further sends after a `failed` receipt, 0–10. Default: the server's (3). */
  retries?: number;
}

/** The server's ack, and how the command ends. */
export interface AcceptedCommand extends Accepted {
  /**
   * Resolves when every screen's delivery is terminal: look at `status`. Rejects only when nobody can tell any
   * more: NOT_FOUND past the server's retention, UNAVAILABLE once this client is closed, AUTH_ERROR once another
   * account is signed in; and BUSY for the oldest of more than 100,000 open commands, which `status` still tells of.
   */
  readonly executed: Promise<Outcome>;
}

/** A command that an earlier process left in `queue`. */
export interface RestoredCommand {
  id: string;
  /** What it says; absent when it was accepted already. */
  command?: { type: 'trigger' | 'navigate' | 'message' } & Record<string, unknown>;
  /** As from `trigger`; of one that was accepted already, resolved. */
  accepted: Promise<AcceptedCommand>;
}

export interface ClientEvents {
  /** What an earlier process left in `queue`: accepted ones first, then those that wait, in order of their calls. */
  restored: RestoredCommand[];
  /** `queue` failed: commands go out all the same, and do not survive this process. */
  'queue-fault': { error: unknown };
  /** After each connect. */
  ready: Ready;
  state: StateChange;
  /** Every status of the user's commands, from this client or another. */
  'command-status': CommandStatus;
  /** A screen that the user owns or controls came or went. Not durable: read GET /api/screens after `ready`. */
  'screen-status': { screenId: string; online: boolean; at: number };
  'session-closing': SessionClosing;
  'auth-expiring': { expiresAt: number };
}
