import { BongsuError } from '@bongsu/protocol';
import { ask } from './ask.js';
import type { Clock } from './clock.js';
import type { Link } from './connection.js';
import { toBongsuError } from './errors.js';
import { withResolvers } from './with-resolvers.js';

interface Report {
  url: string;
  told: ReturnType<typeof withResolvers<void>>;
}

/** Tells the server what the displays show: the latest of each, as soon as there is a link. */
export class Reporter {
  private readonly waiting = new Map<number, Report>();
  private link: Link | undefined;
  private closed = false;

  constructor(private readonly clock: Clock) {}

  /** Resolves once the server has it, or a later one of the same display. */
  report(url: string, displayIndex: number): Promise<void> {
    if (this.closed) return Promise.reject(new BongsuError('UNAVAILABLE'));
    const told = withResolvers<void>();
    const older = this.waiting.get(displayIndex);
    if (older) told.promise.then(older.told.resolve, older.told.reject);
    const report = { url, told };
    this.waiting.set(displayIndex, report);
    if (this.link?.connected) void this.send(this.link, displayIndex, report);
    return told.promise;
  }

  begin(link: Link): void {
    this.link = link;
    for (const [displayIndex, report] of this.waiting) void this.send(link, displayIndex, report);
  }

  close(): void {
    this.closed = true;
    for (const { told } of this.waiting.values()) told.reject(new BongsuError('UNAVAILABLE'));
    this.waiting.clear();
  }

  private async send(link: Link, displayIndex: number, report: Report): Promise<void> {
    const { url, told } = report;
    try {
      await ask<object>(this.clock, link, (ack) => link.emit('report', { url, displayIndex }, ack));
      this.forget(displayIndex, report);
      told.resolve();
    } catch (error) {
      const refusal = toBongsuError(error);
      if (!refusal.retryable) {
        this.forget(displayIndex, report);
        told.reject(refusal);
      } else if (link.connected && this.waiting.get(displayIndex) === report) {
        const pauseMs = refusal.retryAfterMs ?? RETRY_MS;
        this.clock.after(pauseMs, () => this.again(displayIndex, report), { background: true });
      }
    }
  }

  private again(displayIndex: number, report: Report): void {
    if (this.waiting.get(displayIndex) !== report || !this.link?.connected) return;
    void this.send(this.link, displayIndex, report);
  }

  private forget(displayIndex: number, report: Report): void {
    if (this.waiting.get(displayIndex) === report) this.waiting.delete(displayIndex);
  }
}

const RETRY_MS = 1_000;
