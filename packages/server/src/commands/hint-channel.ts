import type { Bus } from '../platform/ephemeral/ephemeral.js';

/** `isOwn`: this process told it. */
type Listener<Hint> = (hint: Hint | 'gap', isOwn: boolean) => void;

/** Hints of one kind: this process hears its own at once, the others by the bus. */
export class HintChannel<Hint> {
  #listener: Listener<Hint> | undefined;
  #unsubscribe: (() => void) | undefined;

  /** @param isHint false for what only another version knows: it is ignored */
  constructor(
    private readonly bus: Bus,
    private readonly channel: string,
    private readonly isHint: (message: unknown) => message is Hint,
  ) {}

  listen(listener: Listener<Hint>): void {
    this.#listener = listener;
    this.#unsubscribe = this.bus.subscribe(this.channel, (event) => {
      if (event.publisher === this.bus.publisher) return;
      if (event.type === 'gap') listener('gap', false);
      else if (this.isHint(event.message)) listener(event.message, false);
    });
  }

  tell(hint: Hint): void {
    this.#listener?.(hint, true);
    this.bus.publish(this.channel, hint);
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#listener = undefined;
  }
}
