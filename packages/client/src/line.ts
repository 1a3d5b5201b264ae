import type { Accepted, BongsuError } from '@bongsu/protocol';
import type { CommandEvent } from './journal.js';
import type { Remains } from './outbox.js';
import { withResolvers } from './with-resolvers.js';

type Phase = 'ready' | 'saving' | 'sent' | 'paused';

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
  readonly phase: Phase;
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
  private readonly counts: Record<Phase, number> = { ready: 0, saving: 0, sent: 0, paused: 0 };
  /** Of all bodies. */
  bytes = 0;

  get size(): number {
    return this.commands.size;
  }

  /** On the wire. */
  get unanswered(): number {
    return this.counts.sent;
  }

  /** On the wire, or about to be. */
  get underWay(): number {
    return this.counts.saving + this.counts.sent;
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
    this.counts.ready += 1;
    this.bytes += given.bytes;
    return made;
  }

  putFirst(given: Given[], onEach: (command: Waiting) => void): Promise<Accepted>[] {
    const made = given.map((one, at) => make(one, at - given.length));
    this.commands = new Set([...made.map(({ command }) => command), ...this.commands]);
    for (const { command } of made) {
      this.bytes += command.bytes;
      this.counts.ready += 1;
      onEach(command);
    }
    return made.map(({ accepted }) => accepted);
  }

  /** Later ones for its target wait for it from now on. */
  hold(command: Waiting): void {
    const set = this.holders.get(command.target) ?? new Set();
    this.holders.set(command.target, set.add(command));
  }

  move(command: Waiting, phase: Phase): void {
    if (this.commands.has(command)) {
      this.counts[command.phase] -= 1;
      this.counts[phase] += 1;
    }
    (command as { phase: Phase }).phase = phase;
  }

  /** By an earlier one that was refused; one that was refused itself waits for the answers of later ones too. */
  isHeld(command: Waiting): boolean {
    const holders = this.holders.get(command.target);
    if (!holders) return false;
    for (const { place } of holders) if (place < command.place) return true;
    return holders.has(command) && this.isOvertaken(command);
  }

  private isOvertaken({ target, place }: Waiting): boolean {
    for (const other of this.commands)
      if (other.phase === 'sent' && other.target === target && other.place > place) return true;
    return false;
  }

  /** False if it was not there. */
  remove(command: Waiting, { accepted }: { accepted: boolean }): boolean {
    if (!this.commands.delete(command)) return false;
    const { target, place, phase, bytes } = command;
    this.bytes -= bytes;
    this.counts[phase] -= 1;
    const holders = this.holders.get(target);
    if (!holders) return true;
    holders.delete(command);
    // The server takes commands again: those behind it that wait for nothing else need not go one by one.
    for (const holder of holders) {
      if (accepted && holder.phase === 'ready' && holder.place > place) holders.delete(holder);
    }
    if (holders.size === 0) this.holders.delete(target);
    return true;
  }
}

/** A message to a room keeps its place among the commands to it. */
function targetOf(body: string): string {
  const { target, roomId } = JSON.parse(body) as { target?: unknown; roomId?: unknown };
  return JSON.stringify(target ?? { roomId });
}

function make(given: Given, place: number): { command: Waiting; accepted: Promise<Accepted> } {
  const { promise, resolve, reject } = withResolvers<Accepted>();
  const command: Waiting = {
    timestamp: undefined,
    firstTimestamp: undefined,
    isDurable: false,
    ...given,
    id: given.id,
    target: targetOf(given.body),
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
