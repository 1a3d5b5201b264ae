import type { Command, CommandOrUnknown, CommandState, CommandStatus } from '@bongsu/protocol';
import { BongsuError } from '@bongsu/protocol';
import { withResolvers } from './with-resolvers.js';

/** How a command ended. */
export interface Outcome {
  id: string;
  /** `partial`: the screens of a room ended differently. */
  status: Exclude<CommandState, 'accepted'>;
  /** The last status of each screen: one for a screen target. */
  deliveries: CommandStatus[];
}

interface Tracked {
  /** How many screens must end; unknown before the ack or the first answer. */
  screens: number | undefined;
  /** Worth asking for: accepted, or asked for by its id. */
  isOpen: boolean;
  final: Map<string, CommandStatus>;
  promise: Promise<Outcome>;
  resolve(outcome: Outcome): void;
  reject(error: BongsuError): void;
}

/** Some 1 kB each. */
const MAX_TRACKED = 100_000;

/** Learns how commands end, from `command-status` events and, for what those missed, from `status` answers. */
export class Outcomes {
  private readonly tracked = new Map<string, Tracked>();

  /** Begins before the first transmission: a status may arrive before the ack. */
  track(id: string): void {
    if (this.tracked.has(id)) return;
    const { promise, resolve, reject } = withResolvers<Outcome>();
    // Who does not ask for the outcome is not told of its failure either.
    promise.catch(() => {});
    this.tracked.set(id, { screens: undefined, isOpen: false, final: new Map(), promise, resolve, reject });
    this.forgetOldest();
  }

  /** The end of a command of which only the id is known. */
  follow(id: string): Promise<Outcome> {
    this.track(id);
    const tracked = this.tracked.get(id) as Tracked;
    tracked.isOpen = true;
    return tracked.promise;
  }

  /** The command was accepted for so many screens; the promise of its end. */
  accepted(id: string, screens: number): Promise<Outcome> {
    this.track(id);
    const tracked = this.tracked.get(id) as Tracked;
    tracked.isOpen = true;
    tracked.screens = screens;
    this.settleIfComplete(id, tracked);
    return tracked.promise;
  }

  forget(id: string, error: BongsuError): void {
    this.tracked.get(id)?.reject(error);
    this.tracked.delete(id);
  }

  forgetAll(error: BongsuError): void {
    for (const id of [...this.tracked.keys()]) this.forget(id, error);
  }

  /** The commands to ask for: accepted or followed, and not known to have ended; oldest first. */
  open(): string[] {
    return [...this.tracked].filter(([, { isOpen }]) => isOpen).map(([id]) => id);
  }

  onStatus(status: CommandStatus): void {
    const tracked = this.tracked.get(status.id);
    if (!tracked || status.status === 'retrying') return;
    tracked.final.set(status.screenId, status);
    this.settleIfComplete(status.id, tracked);
  }

  onAnswer(item: CommandOrUnknown): void {
    const tracked = this.tracked.get(item.id);
    if (!tracked) return;
    if (item.status === 'accepted') {
      // What came before this answer may have been the last.
      if (item.deliveries.length > 0) tracked.screens ??= item.deliveries.length;
      this.settleIfComplete(item.id, tracked);
      return;
    }
    // Accepted, yet no longer known: it is past retention, and nobody can tell any more.
    if (item.status === 'unknown') this.forget(item.id, new BongsuError('NOT_FOUND'));
    else this.settle(item.id, tracked, { id: item.id, status: item.status, deliveries: deliveriesOf(item) });
  }

  private settleIfComplete(id: string, tracked: Tracked): void {
    if (tracked.screens === undefined || tracked.final.size < tracked.screens) return;
    const deliveries = [...tracked.final.values()];
    this.settle(id, tracked, { id, status: commonStatus(deliveries), deliveries });
  }

  private settle(id: string, tracked: Tracked, outcome: Outcome): void {
    this.tracked.delete(id);
    tracked.resolve(outcome);
  }

  private forgetOldest(): void {
    if (this.tracked.size <= MAX_TRACKED) return;
    const [oldest] = this.tracked.keys();
    if (oldest !== undefined) this.forget(oldest, new BongsuError('BUSY'));
  }
}

function commonStatus(deliveries: CommandStatus[]): Outcome['status'] {
  const statuses = new Set(deliveries.map(({ status }) => status));
  const [only] = statuses;
  if (statuses.size > 1) return 'partial';
  return only === undefined || only === 'retrying' ? 'executed' : only;
}

function deliveriesOf({ id, acceptedAt, deliveries }: Command): CommandStatus[] {
  return deliveries.flatMap(({ screenId, status, attempts, executedAt, error, reason }) =>
    status === 'pending'
      ? []
      : [
          {
            id,
            screenId,
            status,
            attempt: attempts,
            at: executedAt ?? acceptedAt,
            ...(error === null ? {} : { error }),
            ...(reason === undefined ? {} : { reason }),
          },
        ],
  );
}
