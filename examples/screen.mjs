// A screen in Node: shows a pairing code the first time, then does what it is sent, each command once.
import { screen } from '@bongsu/client';
import { fileStore } from '@bongsu/client/file-store';

const { BONGSU_URL: url = 'http://127.0.0.1:3000', BONGSU_SCREEN_FILE = './screen.json' } = process.env;

const lobby = screen({
  url,
  store: fileStore(BONGSU_SCREEN_FILE), // the credential, and the place in the stream that survives kill -9
  onCode: ({ code }) => console.log(`Pair this screen with the code ${code}`),
  onTrigger: async ({ action, data }) => {
    console.log('trigger', action, JSON.stringify(data)); // throw to have it tried again
  },
  onNavigate: ({ url, displayIndex = 0 }) => {
    console.log('navigate', displayIndex, url);
  },
});
lobby.on('state', ({ state, error }) => console.log(state, error?.code ?? ''));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => lobby.close());
