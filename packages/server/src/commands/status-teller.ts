import type { CommandStatus, Notify } from '@bongsu/protocol';
import type { Metrics } from '../platform/metrics.js';
import type { Push } from '../platform/push.js';

export interface ToldCommand {
  senderId: string;
  notify: Notify;
}

/** Tells senders what becomes of their commands, and counts it. */
export class StatusTeller {
  readonly #push: Pick<Push, 'toUser'>;
  readonly #count: (status: CommandStatus['status']) => void;
  readonly #countDead: (reason: string) => void;

  constructor(push: Pick<Push, 'toUser'>, metrics: Metrics) {
    this.#push = push;
    const deliveries = metrics.counter('bongsu_deliveries_total', 'Deliveries that ended.', ['status']);
    const letters = metrics.counter('bongsu_dead_letters_total', 'Deliveries that were given up.', [
      'reason',
    ]);
    this.#count = (status) => deliveries.inc({ status });
    this.#countDead = (reason) => letters.inc({ reason });
  }

  tell({ senderId, notify }: ToldCommand, status: CommandStatus): void {
    if (status.status !== 'retrying') this.#count(status.status);
    if (status.status === 'dead') this.#countDead(status.reason ?? 'exhausted');
    if (notify === 'all' || (notify === 'final' && status.status !== 'retrying')) {
      this.#push.toUser(senderId, 'command-status', status);
    }
  }
}
