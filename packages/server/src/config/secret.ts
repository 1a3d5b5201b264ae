import { inspect } from 'node:util';

const MASK = '***';

/** A value that shows as `***` wherever it is printed, logged or serialised. `reveal()` is the only way to it. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
