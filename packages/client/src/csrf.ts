import type { CsrfToken } from '@bongsu/protocol';
import type { Clock } from './clock.js';

/** A token this close to its end is not sent any more. */
const SPARE_MS = 30_000;

/** The token for the header `x-csrf-token`, in memory only: fetched when it is needed, kept until shortly before its end. */
export class CsrfTokens {
  private held: { token: string; until: number } | undefined;

  constructor(
    private readonly ask: () => Promise<CsrfToken>,
    private readonly clock: Clock,
  ) {}

  /** The one at hand, if it is good. */
  get current(): string | undefined {
    return this.held && this.clock.now() < this.held.until ? this.held.token : undefined;
  }

  /** The one at hand, or a fresh one. @throws as the request for it */
  async get(): Promise<string> {
    return this.current ?? (await this.renew());
  }

  async renew(): Promise<string> {
    this.forget();
    const { csrfToken, expiresIn } = await this.ask();
    this.held = { token: csrfToken, until: this.clock.now() + expiresIn * 1000 - SPARE_MS };
    return csrfToken;
  }

  /** It was of a login that is over, or that another one replaced. */
  forget(): void {
    this.held = undefined;
  }
}
