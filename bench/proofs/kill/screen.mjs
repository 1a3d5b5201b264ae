// A process of screens made with the SDK. What they execute goes into their own file, which is what the checker believes.
// Started by index.mjs with an IPC channel.
import { screen } from '@bongsu/client';
import { fileStore } from '@bongsu/client/file-store';
import { historyWriter } from '../../lib/history.mjs';
import { seededRandom } from '../../lib/random.mjs';

const { url, screens, seed, slowestMs } = JSON.parse(process.argv[2]);
let executed = 0;
let online = 0;
const stops = [];

screens.forEach(({ credential, storePath, historyPath }, place) => {
  const history = historyWriter(historyPath);
  const random = seededRandom(seed + place);
  const { screenId } = credential;
  const made = screen({
    url,
    store: fileStore(storePath),
    credential,
    onTrigger: async ({ id, seq, stream }) => {
      history.write({ kind: 'run', screen: screenId, id, seq, stream });
      await new Promise((resolve) => setTimeout(resolve, random.between(0, slowestMs)));
      executed += 1;
      report();
    },
  });
  let was = false;
  made.on('state', ({ state, error }) => {
    const is = state === 'online';
    online += Number(is) - Number(was);
    was = is;
    if (state === 'closed' && error) process.send({ fault: `${screenId} closed: ${error.code}` });
    report();
  });
  stops.push(async () => {
    await made.close();
    history.close();
  });
});

let reporting = false;
function report() {
  if (reporting) return;
  reporting = true;
  setImmediate(() => {
    reporting = false;
    if (process.connected) process.send({ executed, online });
  });
}

process.on('message', async (message) => {
  if (message !== 'end') return;
  await Promise.all(stops.map((stop) => stop()));
  process.disconnect();
});
