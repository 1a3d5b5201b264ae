import type { TcpProxy } from './tcp-proxy.js';

const LOOK_MS = 100;

/** How much of the traffic has to cross from one node to another: looked at as long as both sides are connected. */
export class CrossingWatch {
  readonly #links: Record<'controllers' | 'screens', TcpProxy>;
  #looks = 0;
  #crossed = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(links: Record<'controllers' | 'screens', TcpProxy>) {
    this.#links = links;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** 0 to 1: the mean share of pairs of a sender and a screen that were connected to different nodes. */
  get share(): number {
    return this.#looks === 0 ? 0 : this.#crossed / this.#looks;
  }

  #look(): void {
    const [senders, screens] = [this.#links.controllers.targets(), this.#links.screens.targets()];
    const pairs = sum(senders) * sum(screens);
    if (pairs === 0) return;
    let together = 0;
    for (const [port, count] of senders) together += count * (screens.get(port) ?? 0);
    this.#looks += 1;
    this.#crossed += 1 - together / pairs;
  }
}

function sum(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
