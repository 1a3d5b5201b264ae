import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { compiledEntry } from '../platform/database/compiled-entry.js';
import { type ControllerRecord, HistoryReader, type ScreenRecord } from './history.js';
import type {
  ControllerOptions,
  Death,
  FromControllers,
  FromScreens,
  Mix,
  ScreensOptions,
  ToScreens,
} from './messages.js';
import { isAlive, stopProcess, until } from './processes.js';

interface Member<Options> {
  child: ChildProcess;
  options: Options;
  state: { accepted: number; pending: number; connected: number; online: number };
}

const ASK_PAGE = 50;
const ASK_MS = 8000;
const ONLINE_MS = 30_000;
const GRACE_MS = 5000;

/** The controllers and the screens: processes of their own, which keep their own histories. */
export class Crowd {
  readonly faults: string[] = [];
  readonly #controllers: Member<ControllerOptions>[];
  readonly #screens: Member<ScreensOptions>[];
  readonly #controllerReaders: HistoryReader<ControllerRecord>[];
  readonly #screenReaders: HistoryReader<ScreenRecord>[];
  readonly #questions = new Map<number, (items: readonly { id: string; status: string }[]) => void>();
  #asked = 0;
  #ending = false;

  constructor(controllers: readonly ControllerOptions[], screens: readonly ScreensOptions[]) {
    this.#controllers = controllers.map((options) => this.#fork(options));
    this.#screens = screens.map((options) => this.#fork(options));
    this.#controllerReaders = controllers.map(({ historyPath }) => new HistoryReader(historyPath));
    this.#screenReaders = screens
      .flatMap((options) => options.screens)
      .map(({ historyPath }) => new HistoryReader(historyPath));
  }

  get accepted(): number {
    return sum(this.#controllers, 'accepted');
  }

  get pending(): number {
    return sum(this.#controllers, 'pending');
  }

  /** Whether its load goes at a pace of its own, whatever is answered. */
  get isSteady(): boolean {
    return this.#controllers.every(({ options }) => options.perSecond !== undefined);
  }

  go(mix: Mix): void {
    for (const { child } of this.#controllers) child.send({ go: mix });
  }

  pause(): void {
    for (const { child } of this.#controllers) child.send('pause');
  }

  /** What was written since the last call. */
  read(): { controllers: ControllerRecord[]; screens: ScreenRecord[][] } {
    return {
      controllers: this.#controllerReaders.flatMap((reader) => reader.read()),
      screens: this.#screenReaders.map((reader) => reader.read()),
    };
  }

  async allOnline(): Promise<void> {
    const people = this.#controllers.reduce((total, { options }) => total + options.people.length, 0);
    const screens = this.#screens.reduce((total, { options }) => total + options.screens.length, 0);
    await this.wait(
      'everybody is online',
      () => sum(this.#controllers, 'connected') === people && sum(this.#screens, 'online') === screens,
      ONLINE_MS,
    ).catch((error: Error) => {
      const standing = JSON.stringify([...this.#controllers, ...this.#screens].map(({ state }) => state));
      throw new Error(`${error.message}\n${standing}`);
    });
  }

  /** @throws Error when it is not so in time, or when a process complains */
  wait(what: string, check: () => boolean | Promise<boolean>, timeoutMs: number, everyMs = 5): Promise<void> {
    const checked = () => {
      if (this.faults.length > 0) throw new Error(this.faults.join('\n'));
      return check();
    };
    return until(what, checked, { timeoutMs, everyMs });
  }

  /** A process of screens, told where to die; resolves when it has, or when `withinMs` is over. Answers whether it died. */
  async killScreens(place: number, death: Death | 'now', after: number, withinMs: number): Promise<boolean> {
    const member = this.#screens[place % this.#screens.length];
    if (!member) return false;
    const ended = once(member.child, 'exit').then(() => true);
    if (death === 'now') member.child.kill('SIGKILL');
    else member.child.send({ die: death, after } satisfies ToScreens);
    const tooLate = new Promise<false>((resolve) => setTimeout(() => resolve(false), withinMs).unref());
    if (await Promise.race([ended, tooLate])) return true;
    // Or it would die in a later run.
    const disarmed = new Promise<false>((resolve) => {
      member.child.on('message', (message) => message === 'disarmed' && resolve(false));
    });
    member.child.send('disarm' satisfies ToScreens, () => undefined);
    return Promise.race([ended, disarmed]);
  }

  /** Screens that died come back with what they stored. */
  reviveScreens(clockMs: number): void {
    this.#screens.forEach((member, place) => {
      if (isAlive(member.child)) return;
      this.#screens[place] = this.#fork({ ...member.options, clockMs });
    });
  }

  duplicateScreens(): void {
    for (const { child } of this.#screens) child.send('duplicate' satisfies ToScreens);
  }

  /** The status of each id as the server tells its sender; ids without an answer are missing. */
  async ask(ids: readonly string[]): Promise<Map<string, string>> {
    const said = new Map<string, string>();
    for (let from = 0; from < ids.length; from += ASK_PAGE) {
      const page = ids.slice(from, from + ASK_PAGE);
      const answers = await Promise.all(this.#controllers.map(({ child }) => this.#askOne(child, page)));
      for (const { id, status } of answers.flat()) said.set(id, status);
    }
    return said;
  }

  #askOne(child: ChildProcess, ids: readonly string[]): Promise<readonly { id: string; status: string }[]> {
    this.#asked += 1;
    const ask = this.#asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish([]), ASK_MS);
      const finish = (items: readonly { id: string; status: string }[]) => {
        clearTimeout(timer);
        this.#questions.delete(ask);
        resolve(items);
      };
      this.#questions.set(ask, finish);
      child.send({ ask, ids });
    });
  }

  async end(): Promise<void> {
    this.#ending = true;
    const members = [...this.#controllers, ...this.#screens];
    for (const { child } of members) if (child.connected) child.send('end', ignoreEnded);
    await Promise.all(
      members.map(async ({ child }) => {
        const timer = setTimeout(() => void stopProcess(child, 'SIGKILL'), GRACE_MS);
        if (isAlive(child)) await once(child, 'exit');
        clearTimeout(timer);
      }),
    );
  }

  #fork<Options extends ControllerOptions | ScreensOptions>(options: Options): Member<Options> {
    const child = fork(compiledEntry('./chaos-process', import.meta.url), { execArgv: [] });
    const state = { accepted: 0, pending: 0, connected: 0, online: 0 };
    child.on('message', (message: FromControllers | FromScreens) => {
      if (message === 'disarmed') return;
      if ('fault' in message) this.faults.push(message.fault);
      else if ('told' in message) this.#questions.get(message.told)?.(message.items);
      else Object.assign(state, message);
    });
    child.on('exit', (code, signal) => {
      state.online = 0;
      state.connected = 0;
      // SIGKILL is a fault of ours; anything else is none.
      if (!this.#ending && signal !== 'SIGKILL') {
        this.faults.push(`a process of ${options.kind} ended with ${code ?? signal}`);
      }
    });
    child.send(options);
    return { child, options, state };
  }
}

function sum(members: readonly Member<unknown>[], field: keyof Member<unknown>['state']): number {
  return members.reduce((total, { state }) => total + state[field], 0);
}

/** It ended in the moment in which it was told to. */
function ignoreEnded(): void {}
