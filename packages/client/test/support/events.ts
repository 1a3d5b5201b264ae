import type { Client, ClientEvents } from '../../src/client.js';
import type { Connection, ConnectionEvents } from '../../src/connection.js';
import type { Screen, ScreenEvents } from '../../src/screen.js';
import type { ClientTokenManager, TokenEvents } from '../../src/token-manager.js';

type Next<Source, Events> = <Name extends keyof Events>(
  source: Source,
  event: Name,
  test?: (value: Events[Name]) => boolean,
) => Promise<Events[Name]>;

interface AnySource {
  on(event: never, listener: (value: never) => void): () => void;
}

/** The next event that passes `test`. */
export const next = ((source: AnySource, event: never, test: (value: never) => boolean = () => true) =>
  new Promise((resolve) => {
    const stop = source.on(event, (value) => {
      if (!test(value)) return;
      stop();
      resolve(value);
    });
  })) as unknown as Next<Client, ClientEvents> &
  Next<Connection, ConnectionEvents> &
  Next<Screen, ScreenEvents> &
  Next<ClientTokenManager, TokenEvents>;
