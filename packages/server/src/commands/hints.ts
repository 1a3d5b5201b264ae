import type { Notify, Sender } from '@bongsu/protocol';
import type { Bus } from '../platform/ephemeral/ephemeral.js';

/** An entry of an inbox, from a hint or read from the ledger. */
export interface InboxEntry {
  stream: string;
  seq: number;
  id: string;
  type: 'trigger' | 'navigate';
  /** action, data, url, displayIndex. */
  fields: object;
  /** Length of its JSON text. */
  bytes: number;
  acceptedAt: number;
  expiresAt: number;
  sender: Sender;
  notify: Notify;
  requeueOf?: string;
  /** Tries after the first one; absent: COMMAND_MAX_RETRIES. */
  retries?: number | undefined;
  /** Terminal before its turn came. */
  settled: boolean;
  /** Receipts that said failed, and connections that ended while it was the oldest in flight. */
  failed: number;
  lost: number;
  /** After a failure: not sent before, database clock; and what the screen said. */
  nextAt?: number | undefined;
  lastError?: string | undefined;
}

/** What nodes tell each other. A lost hint costs latency: heads are compared with SQL. */
export type Hint =
  | { kind: 'entries'; epoch: string; entries: InboxEntry[] }
  /** The stream ends at `seq` now: what is new is read from the ledger. */
  | { kind: 'head'; stream: string; seq: number }
  /** A screen's fence was taken by a connection that is alive. */
  | { kind: 'fence'; screenId: string; fence: number; instanceId: string | null }
  /** A heartbeat: whoever hears nothing of a living node compares heads. */
  | { kind: 'alive'; incarnation: string };

/** `isOwn`: this process told it. */
type HintListener = (hint: Hint | 'gap', isOwn: boolean) => void;

const CHANNEL = 'ledger';

/** The bus of the ledger: this process hears its own hints at once, the others by the channel. */
export class Hints {
  readonly #bus: Bus;
  #listener: HintListener | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  listen(listener: HintListener): void {
    this.#listener = listener;
    this.#unsubscribe = this.#bus.subscribe(CHANNEL, (event) => {
      if (event.publisher === this.#bus.publisher) return;
      listener(event.type === 'gap' ? 'gap' : (event.message as Hint), false);
    });
  }

  tell(hint: Hint): void {
    this.#listener?.(hint, true);
    this.#bus.publish(CHANNEL, hint);
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#listener = undefined;
  }
}
