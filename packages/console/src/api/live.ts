import { type AcceptedCommand, type Client, connect, type TokenSource } from '@bongsu/client';
import type { CommandStatus, Target } from '@bongsu/protocol';
import type { CallRoom, EnterOptions } from '../rooms/call-types.js';
import { isAway } from './problem.js';

export type LinkState = 'connecting' | 'online' | 'offline';

/** A command as somebody typed it. */
export type Draft = { target: Target; displayIndex?: number } & (
  | { type: 'trigger'; action: string; data?: unknown }
  | { type: 'navigate'; url: string }
);

interface LiveEvents {
  /** `state` changed. */
  state: undefined;
  /** The socket is ready: what was missed meanwhile must be read again. */
  ready: undefined;
  'screen-status': { screenId: string; online: boolean };
  'command-status': CommandStatus;
}

/** The page's one socket, opened and closed with the login; listeners stay over both. */
export class Live {
  #client: Client | undefined;
  #state: LinkState = 'offline';
  #clockOffsetMs = 0;
  readonly #listeners = new Map<keyof LiveEvents, Set<(value: never) => void>>();

  /** A private field and no property: nothing that a script finds by walking over objects leads to the token. */
  readonly #tokens: TokenSource;

  constructor(tokens: TokenSource) {
    this.#tokens = tokens;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The server's clock as far as this page knows it: its own until the socket was ready once. */
  readonly now = (): number => Date.now() + this.#clockOffsetMs;

  on<Name extends keyof LiveEvents>(event: Name, listener: (value: LiveEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  open(): void {
    if (this.#client) return;
    const client = connect({ url: location.origin, tokens: this.#tokens });
    this.#client = client;
    client.on('state', ({ state, error, closing }) => {
      // Who lost the connection has it again when one stands, not when one is tried: the page must not flicker in between.
      if (state === 'connecting' && this.#state === 'offline') return;
      this.#setState(state === 'closed' ? 'offline' : state);
      const loginInDoubt = error?.status === 401 || closing?.code === 'ACCOUNT_DISABLED';
      if (state === 'closed' && loginInDoubt) this.#reopen(client);
    });
    client.on('ready', ({ serverTime }) => {
      this.#clockOffsetMs = serverTime - Date.now();
      this.#emit('ready', undefined);
    });
    client.on('screen-status', (status) => this.#emit('screen-status', status));
    client.on('command-status', (status) => this.#emit('command-status', status));
    this.#setState('connecting');
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /**
   * Resolves when the command is accepted; `.executed` tells how it ended. `id`: to send the same command again.
   * @throws CommandError
   */
  send(draft: Draft, id?: string): Promise<AcceptedCommand> {
    this.open();
    const client = this.#client as Client;
    const { target, displayIndex } = draft;
    const options = {
      ...(displayIndex === undefined ? {} : { displayIndex }),
      ...(id === undefined ? {} : { id }),
    };
    return draft.type === 'trigger'
      ? client.trigger(target, draft.action, draft.data, options)
      : client.navigate(target, draft.url, options);
  }

  /**
   * Resolves with a seat in the room; in a lobby, once somebody admits us.
   * @throws BongsuError, or the signal's reason
   */
  joinRoom(roomId: string, options: EnterOptions): Promise<CallRoom> {
    this.open();
    return (this.#client as Client).joinRoom(roomId, options);
  }

  /** Closed for good by the server: either the login is over, which asking for a new token shows, or a new token helps. */
  #reopen(closed: Client): void {
    if (this.#client !== closed) return;
    this.#client = undefined;
    this.#tokens.refresh().then(
      () => this.open(),
      // What is only refused for now is tried again by the socket, in the server's time.
      (error: unknown) => {
        if (isAway(error)) this.open();
      },
    );
  }

  #setState(state: LinkState): void {
    this.#state = state;
    this.#emit('state', undefined);
  }

  #emit<Name extends keyof LiveEvents>(event: Name, value: LiveEvents[Name]): void {
    for (const listener of this.#listeners.get(event) ?? [])
      (listener as (value: LiveEvents[Name]) => void)(value);
  }
}
