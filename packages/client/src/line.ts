import type { Accepted, BongsuError } from '@bongsu/protocol';
import type { CommandEvent } from './journal.js';
import type { Remains } from './outbox.js';
import { withResolvers } from './with-resolvers.js';

/** A command that is not accepted yet. */
export interface Waiting {
  event: CommandEvent;
  body: string;
  bytes: number;
  /** Whom it is for, as JSON. */
  target: string;
  /** Its place; an earlier process's commands have negative ones. */
  place: number;
  id: string | undefined;
  timestamp: number | undefined;
  /** The earliest timestamp that it was sent with. */
  firstTimestamp: number | undefined;
  /** By this machine's clock. */
  expiresAt: number;
  /** Written down with its timestamp, so that it may be sent. */
  isDurable: boolean;
  /** `ready` to be sent, `saving` before that, `sent` and not answered, or `paused` before another try. */
  phase: 'ready' | 'saving' | 'sent' | 'paused';
  /** Numbers the transmissions, so that the answer of one that was given up on is not taken for the present one's. */
  transmission: number;
  /** A transmission of it ended without a refusal that proves that it was not accepted. */
  doubtful: boolean;
  retries: number;
  restamps: number;
  renewals: number;
  lastError: BongsuError | undefined;
  cancelTimers: Set<() => void>;
  /** Those who want it back, and hear what is left to do once it has ended here. */
  takers: ((remains: Remains) => void)[];
  resolve(accepted: Accepted): void;
  reject(error: unknown): void;
}

interface Given {
  event: CommandEvent;
  body: string;
  bytes: number;
  expiresAt: number;
  doubtful: boolean;
  id?: string | undefined;
  timestamp?: number;
  firstTimestamp?: number;
  isDurable?: boolean;
}

/**
 * The commands in order of call, and who holds back whom: while one is refused for now, later ones for the same
 * target wait behind it, so that they do not overtake it.
 */
export class Line {
  private commands = new Set<Waiting>();
  private readonly holders = new Map<string, Set<Waiting>>();
  private nextPlace = 0;
  /** Of all bodies. */
  bytes = 0;

  get size(): number {
    return this.commands.size;
  }

  [Symbol.iterator](): Iterator<Waiting> {
    return this.commands.values();
  }

  has(command: Waiting): boolean {
    return this.commands.has(command);
  }

  add(given: Given): { command: Waiting; accepted: Promise<Accepted> } {
    const made = make(given, this.nextPlace++);
    this.commands.add(made.command);
    this.bytes += given.bytes;
    return made;
  }

  putFirst(given: Given[], onEach: (command: Waiting) => void): Promise<Accepted>[] {
    const made = given.map((one, at) => make(one, at - given.length));
    this.commands = new Set([...made.map(({ command }) => command), ...this.commands]);
    for (const { command } of made) {
      this.bytes += command.bytes;
      onEach(command);
    }
    return made.map(({ accepted }) => accepted);
  }

  /** Later ones for its target wait for it from now on. */
  hold(command: Waiting): void {
    const set = this.holders.get(command.target) ?? new Set();
    this.holders.set(command.target, set.add(command));
  }

  isHeld({ target, place }: Waiting): boolean {
    for (const holder of this.holders.get(target) ?? []) if (holder.place < place) return true;
    return false;
  }

  /** Those that may go now, in order; undefined if it was not there. */
  remove(command: Waiting, { accepted }: { accepted: boolean }): Waiting[] | undefined {
    if (!this.commands.delete(command)) return undefined;
    this.bytes -= command.bytes;
    const { target } = command;
    const holders = this.holders.get(target);
    if (!holders) return [];
    holders.delete(command);
    // The server takes commands again: those that wait for nothing else need not go one by one.
    for (const holder of holders) if (accepted && holder.phase === 'ready') holders.delete(holder);
    if (holders.size === 0) this.holders.delete(target);
    return [...this.commands].filter((other) => other.phase === 'ready' && other.target === target);
  }
}

function make(given: Given, place: number): { command: Waiting; accepted: Promise<Accepted> } {
  const { promise, resolve, reject } = withResolvers<Accepted>();
  const command: Waiting = {
    timestamp: undefined,
    firstTimestamp: undefined,
    isDurable: false,
    ...given,
    id: given.id,
    target: JSON.stringify((JSON.parse(given.body) as { target?: unknown }).target),
    place,
    phase: 'ready',
    transmission: 0,
    retries: 0,
    restamps: 0,
    renewals: 0,
    lastError: undefined,
    cancelTimers: new Set(),
    takers: [],
    resolve,
    reject,
  };
  return { command, accepted: promise };
}
