import type { CommandOrUnknown } from '@bongsu/protocol';
import { ask } from './ask.js';
import type { Clock } from './clock.js';
import type { Link } from './connection.js';
import type { Outcomes } from './outcomes.js';

/** Ids that one `status` takes. */
export const STATUS_PAGE = 100;
/** Statuses are pushed; asking now and then covers what a push lost on its way between nodes. */
const STATUS_POLL_MS = 15_000;

export async function askStatus(clock: Clock, link: Link, ids: string[]): Promise<CommandOrUnknown[]> {
  const { items } = await ask<{ items: CommandOrUnknown[] }>(clock, link, (ack) =>
    link.emit('status', { ids }, ack),
  );
  return items;
}

/** Asks how open commands stand: page after page, so that many never make a burst. */
export class OutcomeReader {
  private cancelPoll = () => {};

  constructor(private readonly options: { clock: Clock; outcomes: Outcomes; link: () => Link | undefined }) {}

  /** There is a new link: asks for all, and from now on for a page every 15 s. */
  start(): void {
    this.learn(this.options.outcomes.open());
    this.poll(0);
  }

  stop(): void {
    this.cancelPoll();
  }

  learn(ids: string[]): void {
    const { link } = this.options;
    // What could not be read is asked for by the next poll or reconnect.
    this.read(link(), ids).catch(() => {});
  }

  private async read(link: Link | undefined, ids: string[]): Promise<void> {
    const { clock, outcomes } = this.options;
    if (!link) return;
    for (let start = 0; start < ids.length; start += STATUS_PAGE) {
      const items = await askStatus(clock, link, ids.slice(start, start + STATUS_PAGE));
      for (const item of items) outcomes.onAnswer(item);
    }
  }

  private poll(start: number): void {
    this.cancelPoll = this.options.clock.after(
      STATUS_POLL_MS,
      () => {
        const open = this.options.outcomes.open();
        const from = start < open.length ? start : 0;
        this.learn(open.slice(from, from + STATUS_PAGE));
        this.poll(from + STATUS_PAGE);
      },
      { background: true },
    );
  }
}
