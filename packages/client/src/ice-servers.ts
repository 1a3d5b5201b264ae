import type { IceServers } from '@bongsu/protocol';
import type { Clock } from './clock.js';

/** Credentials are renewed when so much of their life is over. */
const RENEW_AT = 0.8;
const RETRY_MS = 10_000;
/** What an ICE restart waits for new credentials. */
const FRESHEN_MS = 3_000;

/** Keeps TURN credentials from running out during a long call. */
export class IceServerSource {
  private renewAt = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;
  /** What `freshen` waits of the renewal that is running. */
  private patience: Promise<void> | undefined;
  private cancelTimer = () => {};
  private readonly stop = new AbortController();

  constructor(
    private readonly options: {
      clock: Clock;
      /** The clock by which `expiresAt` is told. */
      serverNow: () => number;
      renew: (signal: AbortSignal) => Promise<IceServers>;
      onChange: () => void;
    },
  ) {}

  /** These were given just now. */
  take({ expiresAt }: IceServers): void {
    this.options.onChange();
    if (expiresAt === null) this.schedule(Number.POSITIVE_INFINITY);
    // Where the clock is wrong they seem to have expired already.
    else this.schedule(Math.max(RETRY_MS, (expiresAt - this.options.serverNow()) * RENEW_AT));
  }

  /**
   * Renews what should have been by now, e.g. on a laptop that slept. Never rejects. Waits 3 s at most for one renewal, however
   * often it is called meanwhile: what each offer waited anew would add up.
   */
  freshen(): Promise<void> {
    if (this.options.serverNow() < this.renewAt) return Promise.resolve();
    const renewal = this.renew();
    this.patience ??= new Promise((resolve) => {
      const cancel = this.options.clock.after(FRESHEN_MS, resolve);
      void renewal.then(() => {
        cancel();
        resolve();
      });
    });
    return this.patience;
  }

  close(): void {
    this.stop.abort();
    this.cancelTimer();
  }

  private schedule(inMs: number): void {
    const { clock, serverNow } = this.options;
    this.cancelTimer();
    this.renewAt = serverNow() + inMs;
    if (inMs === Number.POSITIVE_INFINITY || this.stop.signal.aborted) return;
    this.cancelTimer = clock.after(inMs, () => void this.renew(), { background: true });
  }

  private renew(): Promise<void> {
    this.running ??= this.options
      .renew(this.stop.signal)
      .then(
        (servers) => this.take(servers),
        () => {
          const { renewAt } = this;
          this.schedule(RETRY_MS);
          // Still due for whoever restarts ICE meanwhile.
          this.renewAt = renewAt;
        },
      )
      .finally(() => {
        this.running = undefined;
        this.patience = undefined;
      });
    return this.running;
  }
}
