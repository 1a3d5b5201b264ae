import { BongsuError } from '@bongsu/protocol';
import { type CallEnd, plainEnd } from './call-end.js';
import type { CallRoom, CallState, EnterOptions, RoomState, Tile } from './call-types.js';
import type { LocalMedia } from './local-media.js';
import { Outgoing } from './outgoing.js';
import { openSaying, tell } from './saying.js';

export interface CallDeps {
  media: LocalMedia;
  /** Joins the room; in a lobby, once somebody admits us. */
  enter(options: EnterOptions): Promise<CallRoom>;
  newStream(tracks: MediaStreamTrack[]): MediaStream;
}

/** A call in one room: what is there to show, as plain state. Knows nothing of React, and of the SDK only what CallRoom says. */
export class Call {
  readonly media: LocalMedia;
  #state: CallState;
  readonly #deps: CallDeps;
  readonly #listeners = new Set<() => void>();
  #room: CallRoom | undefined;
  #outgoing: Outgoing | undefined;
  #entering: AbortController | undefined;
  #stops: (() => void)[] = [];
  readonly #tiles = new Map<string, Tile>();
  readonly #channels = new Map<string, RTCDataChannel>();
  readonly #stopMedia: () => void;

  constructor(deps: CallDeps) {
    this.#deps = deps;
    this.media = deps.media;
    this.#state = {
      phase: 'ready',
      end: undefined,
      participantId: undefined,
      tiles: [],
      media: deps.media.state,
      picture: undefined,
      knocks: 0,
    };
    this.#stopMedia = deps.media.subscribe(() => this.#onMedia());
  }

  get state(): CallState {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** `participantId`: the seat of before a reload. */
  async join(participantId?: string): Promise<void> {
    if (this.#state.phase !== 'ready') return;
    const entering = new AbortController();
    this.#entering = entering;
    const { signal } = entering;
    this.#set({ phase: 'joining', end: undefined });
    try {
      const seat = participantId === undefined ? {} : { participantId };
      const onWaiting = () => {
        if (signal.aborted) return;
        this.#set({ phase: 'waiting' });
        void this.media.resume();
      };
      const room = await this.#deps.enter({ ...seat, onWaiting, signal });
      if (signal.aborted) void room.leave();
      else await this.#onEntered(room);
    } catch (error) {
      if (signal.aborted) return;
      const room = this.#room;
      this.#over({ reason: 'refused', error: toBongsuError(error) });
      void room?.leave();
    }
  }

  /** Also stops waiting to be let in. */
  leave(): void {
    this.#entering?.abort();
    const room = this.#room;
    if (this.#state.phase !== 'ready') this.#over({ reason: 'left' });
    void room?.leave();
  }

  /** Leaves, and lets all devices go. */
  close(): void {
    this.leave();
    this.#stopMedia();
    this.media.close();
    this.#listeners.clear();
  }

  async #onEntered(room: CallRoom): Promise<void> {
    this.#room = room;
    this.#stops = this.#hearRoom(room);
    this.#set({ participantId: room.participantId });
    this.#seat(room);
    // Not before: for a room that is not there, or lets us not in, no light goes on.
    void this.media.resume();
    const outgoing = await Outgoing.start(this.media, this.#deps.newStream, (stream) =>
      room.peers({ stream }),
    );
    // Over before it began.
    if (this.#room !== room) return;
    this.#outgoing = outgoing;
    this.#stops.push(...this.#hearPeers(outgoing.peers));
    void outgoing.sync();
  }

  #hearRoom(room: CallRoom): (() => void)[] {
    return [
      room.on('state', ({ state }) => this.#onState(room, state)),
      room.on('rejoined', ({ participantId }) => this.#set({ participantId })),
      room.on('joined', (user) => this.#put(newTile(user))),
      room.on('reconnecting', ({ participantId }) => this.#change(participantId, { seat: 'reconnecting' })),
      room.on('returned', ({ participantId }) => this.#change(participantId, { seat: 'joined' })),
      room.on('left', ({ participantId }) => this.#remove(participantId)),
      room.on('waiting', () => this.#set({ knocks: this.#state.knocks + 1 })),
      room.on('closed', (end) => this.#over(end)),
    ];
  }

  #onState(room: CallRoom, state: RoomState): void {
    if (state === 'waiting') this.#unseat();
    else if (state === 'joined') this.#seat(room);
    // Who waits in the lobby goes on waiting, also over a lost link.
    else if (state === 'reconnecting' && this.#state.phase !== 'waiting') this.#set({ phase: state });
  }

  /** In, for the first time or again: who was there all the while is not told of anew. */
  #seat(room: CallRoom): void {
    for (const user of room.participants.values())
      if (!this.#tiles.has(user.participantId)) this.#tiles.set(user.participantId, newTile(user));
    this.#set({ phase: 'joined', tiles: [...this.#tiles.values()] });
  }

  /** The grace is over, and the room has a lobby: somebody has to let us in again. */
  #unseat(): void {
    this.#tiles.clear();
    this.#channels.clear();
    this.#set({ phase: 'waiting', tiles: [] });
  }

  #hearPeers(peers: Outgoing['peers']): (() => void)[] {
    return [
      peers.on('peer', ({ participantId, connection }) => this.#onPeer(participantId, connection)),
      peers.on('track', ({ participantId, track }) => this.#onTrack(participantId, track)),
      peers.on('state', ({ participantId, state }) => this.#change(participantId, { link: state })),
    ];
  }

  /** A connection with them, the first or another one: whatever came over the one before is over. */
  #onPeer(participantId: string, connection: RTCPeerConnection): void {
    const channel = openSaying(
      connection,
      (says) => this.#change(participantId, { says }),
      () => this.media.state.sends,
    );
    this.#channels.set(participantId, channel);
    this.#change(participantId, { stream: undefined, says: undefined, link: 'new' });
  }

  /** Of each kind the newest counts. */
  #onTrack(participantId: string, track: MediaStreamTrack): void {
    const before = this.#tiles.get(participantId)?.stream?.getTracks() ?? [];
    const others = before.filter(({ kind }) => kind !== track.kind);
    this.#change(participantId, { stream: this.#deps.newStream([...others, track]) });
  }

  #onMedia(): void {
    const { state } = this.media;
    const shown = state.sends.camera || state.sends.screen ? this.media.video : undefined;
    const { picture } = this.#state;
    const isSame = shown === picture?.getVideoTracks()[0];
    this.#set({ media: state, picture: isSame || !shown ? shown && picture : this.#deps.newStream([shown]) });
    void this.#outgoing?.sync();
    for (const channel of this.#channels.values()) tell(channel, state.sends);
  }

  #over(end: CallEnd): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#room = undefined;
    this.#outgoing = undefined;
    this.#entering = undefined;
    this.#tiles.clear();
    this.#channels.clear();
    // Beside "You have left" no light may be on; and a screen, shared with those of one call, must not turn up in the next.
    this.media.pause();
    this.#set({ phase: 'ready', end: plainEnd(end), tiles: [], participantId: undefined });
  }

  #put(tile: Tile): void {
    this.#tiles.set(tile.participantId, tile);
    this.#set({ tiles: [...this.#tiles.values()] });
  }

  #change(participantId: string, change: Partial<Tile>): void {
    const tile = this.#tiles.get(participantId);
    if (tile) this.#put({ ...tile, ...change });
  }

  #remove(participantId: string): void {
    this.#tiles.delete(participantId);
    this.#channels.delete(participantId);
    this.#set({ tiles: [...this.#tiles.values()] });
  }

  #set(change: Partial<CallState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function newTile({
  participantId,
  userId,
  username,
  state,
}: Pick<Tile, 'participantId' | 'userId' | 'username'> & { state: Tile['seat'] }): Tile {
  return {
    participantId,
    userId,
    username,
    seat: state,
    link: 'new',
    stream: undefined,
    says: undefined,
  };
}

function toBongsuError(error: unknown): BongsuError {
  return error instanceof BongsuError ? error : new BongsuError('INTERNAL_ERROR', { cause: error });
}
