import { BongsuError, type ErrorCode, type SteppedUp } from '@bongsu/protocol';

export interface Proof {
  password: string;
  code?: string;
}

/** What is still due before the call that waits can be repeated. */
export interface ProofDue {
  /** False when the password was typed for the call itself. */
  readonly password: boolean;
  readonly code: boolean;
}

interface Waiting {
  readonly due: ProofDue;
  readonly password: string | undefined;
  readonly over: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Repeats what was answered with STEP_UP_REQUIRED once somebody has proven who they are. Calls that wait at the
 * same time share one proof. The dialog reads `due` and calls `prove` or `dismiss`.
 */
export class StepUp {
  readonly #send: (proof: Proof) => Promise<SteppedUp>;
  readonly #listeners = new Set<() => void>();
  #waiting: Waiting | undefined;

  constructor(send: (proof: Proof) => Promise<SteppedUp>) {
    this.#send = send;
  }

  /** undefined while nothing waits. */
  get due(): ProofDue | undefined {
    return this.#waiting?.due;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** @throws as `call`; STEP_UP_REQUIRED when nobody proved anything */
  async guard<T>(call: () => Promise<T>, password?: string): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!hasCode(error, 'STEP_UP_REQUIRED')) throw error;
      await this.#proof(error, password);
      return call();
    }
  }

  /** Resolves when it was enough, or when `due` says what more is needed. @throws AUTH_ERROR, ACCOUNT_LOCKED … */
  async prove(proof: { password?: string; code?: string }): Promise<void> {
    const waiting = this.#waiting;
    if (!waiting) return;
    const password = proof.password ?? waiting.password ?? '';
    try {
      await this.#send(proof.code === undefined ? { password } : { password, code: proof.code });
    } catch (error) {
      if (!hasCode(error, 'MFA_REQUIRED')) throw error;
      if (this.#waiting === waiting) this.#set({ ...waiting, due: { ...waiting.due, code: true } });
      return;
    }
    waiting.resolve();
    if (this.#waiting?.over === waiting.over) this.#set(undefined);
  }

  /** What waits fails: as it was answered, or with the reason why nobody could be asked. */
  dismiss(reason?: BongsuError): void {
    const waiting = this.#waiting;
    this.#set(undefined);
    waiting?.reject(reason);
  }

  async #proof(refusal: unknown, password: string | undefined): Promise<void> {
    if (this.#waiting) return this.#shared(this.#waiting, refusal);
    if (password === undefined) return this.#ask(refusal, undefined, { password: true, code: false });
    try {
      await this.#send({ password });
    } catch (error) {
      if (!hasCode(error, 'MFA_REQUIRED')) throw error;
      return this.#ask(refusal, password, { password: false, code: true });
    }
  }

  #ask(refusal: unknown, password: string | undefined, due: ProofDue): Promise<void> {
    let resolve = () => {};
    let reject: (error: unknown) => void = () => {};
    const over = new Promise<void>((settle, fail) => {
      resolve = settle;
      reject = fail;
    });
    const waiting = { due, password, over, resolve, reject };
    this.#set(waiting);
    return this.#shared(waiting, refusal);
  }

  async #shared(waiting: Waiting, refusal: unknown): Promise<void> {
    await waiting.over.catch((reason: unknown) => {
      throw reason ?? refusal;
    });
  }

  #set(waiting: Waiting | undefined): void {
    this.#waiting = waiting;
    for (const listener of this.#listeners) listener();
  }
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof BongsuError && error.code === code;
}
