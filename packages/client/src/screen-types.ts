import type {
  DeviceCredential,
  Entry,
  NavigateEntry,
  Ready,
  Receipt,
  SessionClosing,
  TriggerEntry,
} from '@bongsu/protocol';
import type { Clock } from './clock.js';
import type { ConnectionState, StateChange } from './connection.js';
import type { Fetch } from './http.js';
import type { Policy } from './offset-rule.js';
import type { ScreenStore } from './screen-store.js';
import type { Locks } from './tabs.js';

/** `standby`: another tab is this screen. `pairing`: a code is shown. The others as in ConnectionState. */
export type ScreenState = ConnectionState | 'standby' | 'pairing';
export type ScreenStateChange = Omit<StateChange, 'state'> & { state: ScreenState };

export interface HandlerContext {
  /** Aborted by `close()`. */
  signal: AbortSignal;
}

export interface ScreenOptions {
  /** The server, e.g. "https://bongsu.example.org". */
  url: string | URL;
  /** Where Socket.IO is mounted. Default "/socket.io". */
  path?: string;
  /** Keeps the credential and the place: `indexedDbStore`, `fileStore`, or `memoryStore` for tests. */
  store: ScreenStore;
  /**
   * Does what a trigger asks for; awaited, one entry at a time. To throw means it failed: it is tried again, with
   * pauses, unless the error has `retryable: false`. Without it triggers fail.
   */
  onTrigger?: (entry: TriggerEntry, context: HandlerContext) => unknown;
  /** Shows a page; as onTrigger. */
  onNavigate?: (entry: NavigateEntry, context: HandlerContext) => unknown;
  /** Shows a pairing code while the store holds no credential. Without it such a screen closes with AUTH_ERROR. */
  onCode?: (pairing: { code: string; expiresInMs: number }) => void;
  /** A credential got otherwise (POST /api/screens/:id/credentials); replaces the stored one of another screen. */
  credential?: DeviceCredential;
  /**
   * What becomes of an entry that was begun when the process died: `at-least-once` (default) runs it again,
   * `at-most-once` reports it as failed ("interrupted").
   */
  policy?: Policy;
  /** How long the server waits for a receipt, for slow screens: 1,000–600,000 ms. Default: the server's. */
  ackTimeoutMs?: number;
  /**
   * Entries that the server may send ahead of their receipts, 1–32. Handlers run one at a time all the same. Default
   * 1: what is not sent yet can still expire, be superseded by a later navigate, or be cancelled. More saves a round
   * trip per entry where handlers are quick and many entries come.
   */
  window?: number;
  clock?: Clock;
  random?: () => number;
  fetch?: Fetch;
  /** Default `navigator.locks`, where there is one. */
  locks?: Locks;
}

export interface ScreenEvents {
  state: ScreenStateChange;
  ready: Ready;
  /** An entry was answered, by running it or as a repeat. */
  receipt: { entry: Entry; receipt: Receipt };
  'session-closing': SessionClosing;
  /** The store failed to write; the screen goes on, with less to stand on after a crash. */
  'store-fault': { error: unknown };
}
