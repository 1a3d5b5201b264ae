import type { DeviceCredential } from '@bongsu/protocol';

/** What the harness and its processes tell each other over IPC; the first message to a process is its options. */
export interface ControllerOptions {
  kind: 'controllers';
  url: string;
  people: readonly Person[];
  screens: readonly TargetScreen[];
  seed: number;
  historyPath: string;
  inFlight: number;
  /** Of all people together, whatever is in flight and whoever is connected; absent: as many as are answered. */
  perSecond?: number;
  /** Reconnects as a stock client does by itself; else at once, so that a run is short. */
  asShipped?: boolean;
  /** Added to this process's clock, milliseconds. */
  clockMs: number;
}

export interface Person {
  name: string;
  token: string;
  /** Commands go by HTTP; the socket only hears what becomes of them. */
  overHttp: boolean;
}

/** What a screen is able to be asked. */
export interface TargetScreen {
  screenId: string;
  /** It can leave an entry without an answer and go on. */
  canBeSilent: boolean;
}

/** How much of each kind of trouble the load has, out of 1. */
export interface Mix {
  failing: number;
  silent: number;
  expiring: number;
  navigates: number;
  cancels: number;
}

export type ToControllers =
  | { go: Mix }
  | 'pause'
  /** Asks the server for these ids, by their own senders. */
  | { ask: number; ids: readonly string[] }
  | 'end';

export type FromControllers =
  | { accepted: number; pending: number; connected: number }
  | { told: number; items: readonly { id: string; status: string }[] }
  | { fault: string };

export interface ScreensOptions {
  kind: 'screens';
  url: string;
  seed: number;
  screens: readonly ScreenOptions[];
  /** Reconnects as the SDK, or a stock client, does by itself. */
  asShipped?: boolean;
  clockMs: number;
}

/** `sdk`: @bongsu/client. `plain`: socket.io-client with the documented rule. `stock`: the same with bare, and late, receipts. */
export type ScreenKind = 'sdk' | 'plain' | 'stock';

export interface ScreenOptions {
  kind: ScreenKind;
  credential: DeviceCredential;
  policy: 'at-least-once' | 'at-most-once';
  window: number;
  storePath: string;
  inMemory?: boolean;
  historyPath: string;
}

/** Where a screen dies when it is told to: before the effect, after it, after it was stored. */
export const DEATHS = ['before-run', 'after-run', 'after-store'] as const;
export type Death = (typeof DEATHS)[number];

export type ToScreens =
  /** SIGKILL of itself at this point, `after` so many entries. */
  | { die: Death; after: number }
  /** Answered by `disarmed`, unless it came too late. */
  | 'disarm'
  /** A second connection of each plain screen beside the first. */
  | 'duplicate'
  | 'end';

export type FromScreens = { executed: number; online: number } | { fault: string } | 'disarmed';

/** The instructions to a screen that travel in `data`. */
export interface Instructions {
  /** `fail`: a retryable failure, at the first attempt only where `once`. `reject`: a final one. `silent`: no answer at all. */
  do: 'run' | 'fail' | 'reject' | 'silent';
  once?: boolean;
  takesMs?: number;
  filler?: string;
}
