import { BongsuError, type ErrorCode, type Joined, type Waiting } from '@bongsu/protocol';
import { ask } from './ask.js';
import { jittered, reconnectDelayMs } from './backoff.js';
import type { Clock } from './clock.js';
import type { Link } from './connection.js';
import { toBongsuError } from './errors.js';
import type { CreateRoomOptions, RoomEnd } from './room-types.js';
import { withResolvers } from './with-resolvers.js';

/** What a join is refused with whose room ended for us while we waited. */
const CODES: Partial<Record<RoomEnd, ErrorCode>> = { kicked: 'FORBIDDEN', disconnected: 'UNAVAILABLE' };

interface SeatOptions {
  roomId: string;
  clock: Clock;
  random: () => number;
  participantId?: string | undefined;
  /** The room is to be made first. */
  create?: CreateRoomOptions & { isIdOurs: boolean };
  onJoined: (joined: Joined, was: { isFirst: boolean; anew: boolean }) => void;
  onWaiting: () => void;
  onRefused: (error: BongsuError) => void;
}

/** Takes a seat in a room, and the same again over each new link: or another one, once its grace is over. */
export class RoomSeat {
  participantId: string | undefined;
  private next = nextSeat();
  private create: SeatOptions['create'];
  private link: Link | undefined;
  private isTaken = false;
  private wasSeated = false;
  /** The seat that others last saw us in. */
  private known: string | undefined;
  private tries = 0;
  private asked = 0;
  /** Until the join that is under way is answered. */
  asking: Promise<void> | undefined;
  private cancelRetry = () => {};

  constructor(private readonly options: SeatOptions) {
    this.participantId = options.participantId;
    this.create = options.create;
  }

  /** Resolves with a seat, and stays so while it is taken again; anew with the next one once we wait in the lobby. */
  get taken(): Promise<void> {
    return this.next.promise;
  }

  take(link: Link): void {
    this.lost();
    this.link = link;
    this.tries = 0;
    this.ask(link);
  }

  lost(): void {
    this.link = undefined;
    this.cancelRetry();
  }

  /** The one that we had is over. */
  takeAnew(): void {
    const { link } = this;
    this.participantId = undefined;
    if (link) this.take(link);
  }

  onAdmitted(joined: Joined): void {
    // The answer that we wait comes too late.
    this.asked += 1;
    this.onAnswer(joined);
  }

  end(reason: RoomEnd, error?: BongsuError): void {
    this.lost();
    this.next.reject(error ?? new BongsuError(CODES[reason] ?? 'ROOM_CLOSED', { details: { reason } }));
  }

  private ask(link: Link): void {
    const asking = this.askOnce(link).finally(() => {
      if (this.asking === asking) this.asking = undefined;
    });
    this.asking = asking;
  }

  private async askOnce(link: Link): Promise<void> {
    const asked = ++this.asked;
    const isPresent = () => this.link === link && this.asked === asked;
    try {
      const answer = await this.request(link);
      if (isPresent()) this.onAnswer(answer);
    } catch (error) {
      if (isPresent()) this.onRefusal(link, toBongsuError(error));
    }
  }

  private request(link: Link): Promise<Joined | Waiting> {
    const { roomId, clock } = this.options;
    const { participantId } = this;
    if (this.create) {
      const { signal: _, isIdOurs: __, ...settings } = this.create;
      const room = { ...settings, roomId, join: true, signaling: 'signal' as const };
      return ask<Joined>(clock, link, (ack) =>
        link.emit('create-room', room, ack as Parameters<typeof link.emit<'create-room'>>[2]),
      );
    }
    const entry = { roomId, signaling: 'signal' as const, ...(participantId ? { participantId } : {}) };
    return ask(clock, link, (ack) => link.emit('join-room', entry, ack));
  }

  private onAnswer(answer: Joined | Waiting): void {
    this.create = undefined;
    this.participantId = answer.participantId;
    if (answer.waiting === true) {
      if (this.isTaken) this.next = nextSeat();
      this.isTaken = false;
      this.options.onWaiting();
      return;
    }
    const isFirst = !this.wasSeated;
    const anew = !isFirst && this.known !== answer.participantId;
    this.wasSeated = true;
    this.known = answer.participantId;
    this.options.onJoined(answer, { isFirst, anew });
    this.isTaken = true;
    this.next.resolve();
  }

  private onRefusal(link: Link, error: BongsuError): void {
    const { clock, random, onRefused } = this.options;
    if (error.code === 'CONFLICT' && this.create?.isIdOurs && this.asked > 1) {
      // Nobody else knows this id: an earlier try made the room, and its ack was lost.
      this.create = undefined;
      this.ask(link);
    } else if (error.retryable && (this.wasSeated || error.code === 'UNAVAILABLE')) {
      const delayMs = jittered(reconnectDelayMs(this.tries), random());
      this.tries += 1;
      this.cancelRetry = clock.after((error.retryAfterMs ?? 0) + delayMs, () => this.ask(link));
    } else {
      onRefused(error);
    }
  }
}

function nextSeat() {
  const seat = withResolvers<void>();
  // Who joins awaits it; who only rejoins has nobody to hear it.
  seat.promise.catch(() => {});
  return seat;
}
