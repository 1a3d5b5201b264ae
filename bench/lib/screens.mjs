// A process of screens that speak raw frames. Options come as the first IPC message: {url, screens: [{screenId, screenToken}], window,
// expect}. It connects them all at once and reports {ready: ms}, then, when each has got `expect` entries in order, {done: figures}.
// Told 'leave', it drops all connections and reports {left: true}; told 'again', it connects and does the same anew.
import { once } from 'node:events';
import { round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const [options] = await once(process, 'message');
const { url, screens, window, expect } = options;
let wires = [];

await connect();
process.on('message', async (told) => {
  if (told === 'again') return connect();
  const closed = wires.map(
    (wire) =>
      new Promise((resolve) => {
        wire.onClose = resolve;
        wire.close();
      }),
  );
  await Promise.all(closed);
  process.send({ left: true });
});

async function connect() {
  const startedAt = performance.now();
  const states = screens.map(() => ({ executed: 0, last: 0 }));
  let firstAt;
  let finished = 0;
  const whole = new Promise((resolve) => {
    const onEntry = (state, { stream, seq, prev }, answer) => {
      firstAt ??= performance.now();
      if (seq <= state.last || prev > state.last) {
        process.send({ fault: `${stream}: ${seq} (prev ${prev}) after ${state.last}` });
        return;
      }
      state.last = seq;
      state.executed += 1;
      answer(`{"status":"executed","stream":"${stream}","seq":${seq}}`);
      if (state.executed === expect) finished += 1;
      if (finished === screens.length) resolve(performance.now());
    };
    wires = screens.map(({ screenId, screenToken }, place) => {
      const auth = { token: screenToken, screenId, ...(window > 1 ? { window } : {}) };
      return Wire.connect(url, auth, {
        onEvent: (_, entry, answer) => answer && onEntry(states[place], entry, answer),
      });
    });
    if (expect === 0) resolve(performance.now());
  });
  wires = await Promise.all(wires);
  process.send({ ready: round(performance.now() - startedAt) });
  const endedAt = await whole;
  const entries = expect * screens.length;
  const seconds = (endedAt - (firstAt ?? endedAt)) / 1000;
  process.send({
    done: { entries, seconds: round(seconds, 3), perSecond: seconds > 0 ? Math.round(entries / seconds) : 0 },
  });
}
