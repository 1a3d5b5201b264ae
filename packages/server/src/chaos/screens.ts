import type { ScreenEvent } from './history.js';
import { historyWriter } from './history.js';
import type {
  Death,
  FromScreens,
  Instructions,
  ScreenOptions,
  ScreensOptions,
  ToScreens,
} from './messages.js';
import { PlainScreen } from './plain-screen.js';
import { SdkScreen } from './sdk-screen.js';

/** What both kinds of screens share: their file, and the moment at which they are to die. */
export interface ScreenHost {
  write(event: ScreenEvent): void;
  /** SIGKILL of this process, if it is time. */
  reach(point: Death): void;
  changed(): void;
  fault(text: string): void;
}

export interface ChaosScreen {
  readonly online: boolean;
  readonly executed: number;
  duplicate(): void;
  close(): Promise<void>;
}

export function runScreens(
  options: ScreensOptions,
  send: (message: FromScreens) => void,
  onceATurn: (task: () => void) => () => void,
): (message: ToScreens) => void {
  let death: { point: Death; after: number } | undefined;
  const histories: { close(): void }[] = [];
  const changed = onceATurn(() => {
    const executed = screens.reduce((total, screen) => total + screen.executed, 0);
    send({ executed, online: screens.filter((screen) => screen.online).length });
  });
  const reach = (point: Death) => {
    if (death?.point !== point) return;
    death.after -= 1;
    if (death.after < 0) process.kill(process.pid, 'SIGKILL');
  };
  const screens = options.screens.map((each): ChaosScreen => {
    const history = historyWriter<ScreenEvent>(each.historyPath);
    histories.push(history);
    const screen = each.credential.screenId;
    const host: ScreenHost = { write: history.write, reach, changed, fault: (fault) => send({ fault }) };
    history.write({ kind: 'boot', screen, policy: each.policy, window: each.window });
    return make(options.url, each, host);
  });
  return (message) => {
    if (message === 'duplicate') for (const screen of screens) screen.duplicate();
    else if (message === 'end') {
      void Promise.all(screens.map((screen) => screen.close())).then(() => {
        for (const history of histories) history.close();
        process.disconnect();
      });
    } else death = { point: message.die, after: message.after };
  };
}

function make(url: string, options: ScreenOptions, host: ScreenHost): ChaosScreen {
  return options.kind === 'sdk' ? new SdkScreen(url, options, host) : new PlainScreen(url, options, host);
}

/** What the sender wants of the screen; pages are always shown. */
export function instructionsOf(entry: { type: string; data?: unknown }): Instructions {
  const { data } = entry;
  return entry.type === 'trigger' && typeof data === 'object' && data !== null && 'do' in data
    ? (data as Instructions)
    : { do: 'run' };
}
