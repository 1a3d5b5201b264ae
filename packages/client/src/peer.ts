import type { BongsuError, SignalEvent, Signaled } from '@bongsu/protocol';
import type { Clock } from './clock.js';
import type { LocalTracks } from './local-tracks.js';
import { Negotiation, Settled } from './negotiation.js';
import type { Outgoing } from './peers-types.js';
import { SignalQueue } from './signal-queue.js';

/** How long a connection that never was up, and one that was, may take before it is tried again; growing to the longest. */
const FIRST_PATIENCE_MS = 10_000;
const BROKEN_PATIENCE_MS = 5_000;
const LONGEST_PATIENCE_MS = 30_000;
/** Who never signalled is in the room, and perhaps in no call. */
const LONGEST_UNHEARD_MS = 180_000;
const GROWTH = 1.5;
/** The side that does not offer asks only when the other one has had its turn. */
const POLITE_PATIENCE = 1.5;
/** `disconnected` often heals by itself. */
const DISCONNECTED_MS = 3_000;

interface PeerOptions {
  /** They were in the room first. */
  polite: boolean;
  clock: Clock;
  tracks: LocalTracks;
  isSeated: () => boolean;
  send: (signal: Outgoing) => Promise<Signaled>;
  connect: () => RTCPeerConnection;
  /** Before candidates are gathered: credentials that are still good. Never rejects. */
  freshen: () => Promise<void>;
  onConnection: (connection: RTCPeerConnection) => void;
  onTrack: (event: RTCTrackEvent) => void;
  onState: (state: RTCPeerConnectionState) => void;
  onError: (error: unknown) => void;
}

type Task = { signal: SignalEvent } | { offer: { restart: boolean; again: boolean } };

/**
 * One participant, and the connection with them: another one after they reloaded, or when negotiating failed. Of two the one that was
 * in the room first offers, at the beginning and to restart ICE; the other one asks for it, and offers itself where asking is of no use.
 */
export class Peer {
  connection: RTCPeerConnection | undefined;
  private negotiation: Negotiation | undefined;
  private polite: boolean;
  private readonly queue: SignalQueue;
  private readonly settled = new Settled();
  private tasks: Task[] = [];
  private isRunning = false;
  /** Rises with each connection: what an earlier one was still doing never ends, or counts for nothing. */
  private turn = 0;
  private wasUp = false;
  private wasHeard = false;
  private tries = 0;
  private cancelWatch: (() => void) | undefined;
  private cancelPatience: (() => void) | undefined;
  private closed = false;

  constructor(private readonly options: PeerOptions) {
    const { polite, clock, isSeated, send } = options;
    this.polite = polite;
    this.queue = new SignalQueue({
      clock,
      isOpen: isSeated,
      send,
      onRefused: (error) => this.onRefused(error),
      onUnheard: () => this.offer({ restart: true, again: true }),
    });
  }

  /** Whoever came later waits for the offer. */
  start(): void {
    if (!this.polite) this.offer({ restart: false, again: true });
    this.watch();
  }

  onSignal(signal: SignalEvent): void {
    this.polite = signal.polite;
    if (!this.wasHeard) this.hasten();
    this.wasHeard = true;
    if (signal.restart) this.offer({ restart: true, again: true });
    else this.enqueue({ signal });
  }

  /** We have a seat again. */
  onSeated(): void {
    this.queue.resume();
    this.hasten();
    this.renew();
  }

  onReturned({ resumed }: { resumed: boolean }): void {
    this.hasten();
    if (resumed) {
      this.renew();
      return;
    }
    this.wasHeard = false;
    // Their connection went with their page, and so did ours.
    this.drop();
    this.start();
  }

  onNetworkChange(): void {
    if (this.connection) this.onBroken();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.drop();
    this.cancelWatch?.();
    this.options.onState('closed');
  }

  private offer(offer: { restart: boolean; again: boolean }): void {
    const waiting = this.tasks.find((task, at) => 'offer' in task && !(this.isRunning && at === 0));
    if (waiting && 'offer' in waiting) {
      waiting.offer.restart ||= offer.restart;
      waiting.offer.again ||= offer.again;
    } else {
      this.enqueue({ offer: { ...offer } });
    }
  }

  private enqueue(task: Task): void {
    if (this.closed) return;
    this.tasks.push(task);
    if (!this.isRunning) void this.run();
  }

  /** One task at a time, so that nothing comes between what belongs together. */
  private async run(): Promise<void> {
    const { turn } = this;
    this.isRunning = true;
    for (let task = this.tasks[0]; task; task = this.tasks[0]) {
      try {
        await this.perform(task);
      } catch (error) {
        if (turn === this.turn) this.fail(error);
      }
      if (turn !== this.turn) return;
      this.tasks.shift();
    }
    this.isRunning = false;
  }

  private async perform(task: Task): Promise<void> {
    const { turn } = this;
    if ('offer' in task || task.signal.description?.type === 'offer') {
      await this.options.freshen();
      if (turn !== this.turn) return;
    }
    if ('offer' in task) {
      await this.negotiate().offer(task.offer);
      this.watch();
      return;
    }
    const { description } = task.signal;
    // What belongs to a connection that is gone.
    if (!this.negotiation && description?.type !== 'offer') return;
    const verdict = await this.negotiate({ attach: false }).take(task.signal);
    if (turn !== this.turn || verdict !== 'stranger') return;
    const [, ...later] = this.tasks;
    this.drop();
    // Their offer is taken by a new connection; after their answer that one makes a new offer.
    for (const due of description?.type === 'offer' ? [task, ...later] : later) this.enqueue(due);
    if (description?.type === 'answer') this.offer({ restart: false, again: true });
  }

  /** The present connection's, or a new one's. */
  private negotiate({ attach = true } = {}): Negotiation {
    if (this.negotiation) return this.negotiation;
    const { connect, tracks, onConnection, onTrack } = this.options;
    const connection = connect();
    const negotiation = new Negotiation({
      connection,
      queue: {
        // What a connection still has to say when it is given up would be taken for the next one's.
        push: (signal) => {
          if (this.connection === connection) this.queue.push(signal);
        },
        drop: (id) => this.queue.drop(id),
      },
      isPolite: () => this.polite,
      attach: () => tracks.attachTo(connection),
      settled: this.settled,
      onError: this.options.onError,
    });
    this.connection = connection;
    this.negotiation = negotiation;
    connection.addEventListener('negotiationneeded', () => {
      if (this.connection === connection) this.offer({ restart: false, again: false });
    });
    connection.addEventListener('track', onTrack);
    connection.addEventListener('iceconnectionstatechange', () => this.onIceState(connection));
    connection.addEventListener('connectionstatechange', () => this.onState(connection));
    onConnection(connection);
    if (attach) this.attach(connection);
    return negotiation;
  }

  private attach(connection: RTCPeerConnection): void {
    this.options.tracks.attachTo(connection);
    if (connection.getTransceivers().length > 0) return;
    // An offer without media would connect nothing: who has none to give offers to receive.
    for (const kind of ['audio', 'video']) connection.addTransceiver(kind, { direction: 'recvonly' });
  }

  private onIceState(connection: RTCPeerConnection): void {
    if (this.connection !== connection) return;
    const { iceConnectionState } = connection;
    this.cancelPatience?.();
    this.cancelPatience = undefined;
    if (isUp(connection)) {
      this.wasUp = true;
      this.tries = 0;
    } else if (iceConnectionState === 'failed') {
      this.onBroken();
    } else if (iceConnectionState === 'disconnected') {
      this.cancelPatience = this.options.clock.after(DISCONNECTED_MS, () => this.onBroken());
    }
  }

  private onState(connection: RTCPeerConnection): void {
    if (this.connection !== connection) return;
    this.options.onState(connection.connectionState);
    // ICE has a way, and DTLS failed: no restart helps.
    if (connection.connectionState === 'failed' && isUp(connection)) this.fail(new Error('DTLS failed'));
  }

  /** One of us was away, and what was on its way then may be lost. */
  private renew(): void {
    const isWaiting = this.negotiation?.offered !== undefined;
    if (isUp(this.connection) && !isWaiting) return;
    if (isWaiting) this.offer({ restart: !isUp(this.connection), again: true });
    // Without a connection it is our page that is new, and they may not have heard of it.
    else if (!this.polite || !this.negotiation) this.mend();
  }

  private onBroken(): void {
    this.mend();
    this.watchAnew();
  }

  /** Something has changed: what was tried in vain counts no more. */
  private hasten(): void {
    if (this.tries === 0) return;
    this.tries = 0;
    if (this.cancelWatch) this.watchAnew();
  }

  private watchAnew(): void {
    this.cancelWatch?.();
    this.cancelWatch = undefined;
    this.watch();
  }

  /** Looks again after a while, until all is well. */
  private watch(): void {
    if (this.cancelWatch || this.closed) return;
    const first = this.wasUp ? BROKEN_PATIENCE_MS : FIRST_PATIENCE_MS;
    const longest = this.wasHeard ? LONGEST_PATIENCE_MS : LONGEST_UNHEARD_MS;
    const patience = Math.min(longest, first * GROWTH ** Math.min(this.tries, 10));
    const delayMs = patience * (this.polite ? POLITE_PATIENCE : 1);
    this.cancelWatch = this.options.clock.after(
      delayMs,
      () => {
        this.cancelWatch = undefined;
        if (isUp(this.connection) && this.negotiation?.offered === undefined) return;
        this.tries += 1;
        this.mend();
        this.watch();
      },
      { background: true },
    );
  }

  private mend(): void {
    // Without a seat nobody hears us; with the next one it is looked at again.
    if (this.closed || !this.options.isSeated()) return;
    if (isUp(this.connection) && this.negotiation?.offered !== undefined)
      this.offer({ restart: false, again: true });
    // There has to be something to restart.
    else if (this.polite && this.negotiation)
      this.queue.push({ negotiationId: this.negotiation.id, restart: true });
    else this.offer({ restart: true, again: true });
  }

  private onRefused(error: BongsuError): void {
    // They are going, or we are: `user-left` tells.
    if (error.code !== 'PARTICIPANT_NOT_FOUND' && error.code !== 'FORBIDDEN') this.options.onError(error);
  }

  /** A connection that could not negotiate is made anew, after a while. */
  private fail(error: unknown): void {
    this.drop();
    this.options.onError(error);
    this.watch();
  }

  private drop(): void {
    const { connection } = this;
    this.turn += 1;
    this.isRunning = false;
    this.tasks = [];
    this.connection = undefined;
    this.negotiation = undefined;
    this.wasUp = false;
    this.cancelPatience?.();
    this.cancelPatience = undefined;
    this.queue.clear();
    connection?.close();
    if (connection && !this.closed) this.options.onState('new');
  }
}

function isUp(connection: RTCPeerConnection | undefined): boolean {
  const state = connection?.iceConnectionState;
  return state === 'connected' || state === 'completed';
}
