const SHORT_MS = 1000;
const LONG_MS = 10_000;

/**
 * How long a comparison of heads may take. Every later one waits behind it, and a connection that hangs is one of several, so a first
 * try is short; the one after a failure has time, as the whole database may be slow.
 */
export class HeadsDeadline {
  #hasFailed = false;

  async within<Result>(read: (timeoutMs: number) => Promise<Result>): Promise<Result> {
    const timeoutMs = this.#hasFailed ? LONG_MS : SHORT_MS;
    this.#hasFailed = true;
    const result = await read(timeoutMs);
    this.#hasFailed = false;
    return result;
  }
}
