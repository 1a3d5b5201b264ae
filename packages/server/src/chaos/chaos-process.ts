// A process of controllers or of screens, started by the harness with an IPC channel.
import { Controller } from './controller.js';
import { type ControllerEvent, historyWriter } from './history.js';
import type {
  ControllerOptions,
  FromControllers,
  FromScreens,
  ScreensOptions,
  ToControllers,
  ToScreens,
} from './messages.js';
import { runScreens } from './screens.js';

const RealDate = Date;

/** A machine whose clock is wrong. */
function skewClock(clockMs: number): void {
  if (clockMs === 0) return;
  const now = RealDate.now;
  Date.now = () => now() + clockMs;
}

function runControllers(options: ControllerOptions): (message: ToControllers) => void {
  const history = historyWriter<ControllerEvent>(options.historyPath);
  const report = onceATurn(() => {
    const sum = (count: (controller: Controller) => number) =>
      controllers.reduce((total, controller) => total + count(controller), 0);
    send({
      accepted: sum(({ accepted }) => accepted),
      pending: sum(({ pending }) => pending),
      connected: sum(({ connected }) => (connected ? 1 : 0)),
    });
  });
  const controllers: Controller[] = options.people.map(
    (person, place) => new Controller(options, { ...person, seed: options.seed + place }, history, report),
  );
  return (message) => {
    if (message === 'pause') for (const controller of controllers) controller.pause();
    else if (message === 'end') {
      for (const controller of controllers) controller.end();
      history.close();
      process.disconnect();
    } else if ('go' in message) for (const controller of controllers) controller.go(message.go);
    else void answer(controllers, message.ask, message.ids);
  };
}

async function answer(
  controllers: readonly Controller[],
  ask: number,
  ids: readonly string[],
): Promise<void> {
  const answers = controllers.map((controller) => {
    const mine = ids.filter((id) => controller.owns(id));
    return mine.length > 0 ? controller.ask(mine).catch(() => []) : [];
  });
  send({ told: ask, items: (await Promise.all(answers)).flat() });
}

function send(message: FromControllers | FromScreens): void {
  if (process.connected) process.send?.(message);
}

function onceATurn(task: () => void): () => void {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      task();
    });
  };
}

process.once('message', (options: ControllerOptions | ScreensOptions) => {
  skewClock(options.clockMs);
  if (options.kind === 'controllers') {
    const onMessage = runControllers(options);
    process.on('message', (message: ToControllers) => onMessage(message));
  } else {
    const onMessage = runScreens(options, send, onceATurn);
    process.on('message', (message: ToScreens) => onMessage(message));
  }
});
// Whatever becomes of the harness, its processes end with it.
process.on('disconnect', () => process.exit(0));
