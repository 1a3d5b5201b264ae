import type { Clock } from './clock.js';

const SILENCE_MS = 4_000;

/** Tells when an answer is due over a link, and nothing at all comes over it for 4 s. */
export class Silence {
  private cancel: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly onSilent: () => void,
  ) {}

  /** Something was said that is answered at once. */
  expect(): void {
    this.cancel ??= this.clock.after(SILENCE_MS, () => this.onSilent(), { background: true });
  }

  /** Something came, whatever it was. */
  heard(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
