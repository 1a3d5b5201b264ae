import type { ScreenEvent } from './history.js';
import { historyWriter } from './history.js';
import type { Death, FromScreens, ScreenOptions, ScreensOptions, ToScreens } from './messages.js';
import { PlainScreen } from './plain-screen.js';
import type { ChaosScreen, ScreenHost } from './screen-host.js';
import { SdkScreen } from './sdk-screen.js';

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
    history.write({ kind: 'boot', screen, policy: each.policy });
    return make(options, each, host);
  });
  return (message) => {
    if (message === 'disarm') {
      death = undefined;
      send('disarmed');
    } else if (message === 'duplicate') for (const screen of screens) screen.duplicate();
    else if (message === 'end') {
      void Promise.all(screens.map((screen) => screen.close())).then(() => {
        for (const history of histories) history.close();
        process.disconnect();
      });
    } else death = { point: message.die, after: message.after };
  };
}

function make({ url, asShipped }: ScreensOptions, options: ScreenOptions, host: ScreenHost): ChaosScreen {
  if (options.kind === 'sdk') return new SdkScreen(url, options, host, asShipped);
  return new PlainScreen(url, options, host, asShipped);
}
