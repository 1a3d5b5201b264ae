import type { Joined, Ready } from '@bongsu/protocol';
import type { RoomEvents } from './room-types.js';

interface Placed {
  id: string;
  seq: number;
  epoch: string;
}

type Gap = RoomEvents['gap'];

/** Entries that come before it is known where the stream begins for us. */
const MAX_EARLY = 1_000;

/**
 * Our place in a room's stream: which entry comes next, so that each is told once and in order. What this client sent is not told;
 * its acks say its places.
 */
export class RoomStream<Entry extends Placed> {
  /** Everything up to here was told, or is our own. */
  position: number | undefined;
  epoch = '';
  private readonly own = new Set<number>();
  private early: Entry[] = [];
  /** This link goes on where the last one ended. */
  private resumed = false;
  /** The seat was taken over this link. */
  private seated = false;

  constructor(
    private readonly options: {
      tell: (entry: Entry) => void;
      onGap: (gap: Gap) => void;
      /** Sent by this client, and not answered yet: its ack may have been lost. */
      isUnanswered: (id: string) => boolean;
    },
  ) {}

  onReady({ epoch }: Ready, state: Ready['streams'][string] | undefined): void {
    this.resumed = state !== undefined && this.position !== undefined;
    if (!state || this.position === undefined) return;
    if (state.recovered) return;
    this.jump(epoch, state.lastSeq, state.reason ?? 'epoch');
  }

  /** There is a seat: entries come after `lastSeq`, unless (`resumed`) they come already, and have all the time. */
  onJoined({ epoch, lastSeq, resumed }: Pick<Joined, 'epoch' | 'lastSeq' | 'resumed'>): void {
    if (this.position === undefined) {
      this.position = lastSeq;
      this.epoch = epoch;
    } else if (!resumed && epoch !== this.epoch) this.jump(epoch, lastSeq, 'epoch');
    else if (!resumed && lastSeq > this.position) this.jump(epoch, lastSeq, 'absent');
    this.resumed = true;
    this.seated = true;
    for (const entry of this.early.splice(0)) this.take(entry);
  }

  take(entry: Entry): void {
    // Until the seat is taken: where one is left out, the stream did not go on, and the join will say where it began again.
    const isNext = entry.epoch === this.epoch && entry.seq <= (this.position ?? 0) + 1;
    if (this.position === undefined || !this.resumed || (!this.seated && !isNext)) {
      if (this.early.length < MAX_EARLY) this.early.push(entry);
      return;
    }
    if (entry.epoch !== this.epoch) this.jump(entry.epoch, entry.seq - 1, 'epoch');
    // A stream comes in order: before this one there is nothing but what we sent ourselves.
    if (entry.seq <= this.position) return;
    const isOwn = this.own.has(entry.seq) || this.options.isUnanswered(entry.id);
    this.advance(entry.seq);
    if (!isOwn) this.options.tell(entry);
  }

  /** One of ours was accepted. */
  onOwn({ seq, epoch }: Pick<Placed, 'seq' | 'epoch'>): void {
    if (this.position === undefined || epoch !== this.epoch || seq <= this.position) return;
    this.own.add(seq);
    this.advance(this.position);
  }

  lost(): void {
    this.early = [];
    this.resumed = false;
    this.seated = false;
  }

  private advance(to: number): void {
    let position = to;
    while (this.own.has(position + 1)) position += 1;
    for (const seq of this.own) if (seq <= position) this.own.delete(seq);
    this.position = position;
  }

  private jump(epoch: string, lastSeq: number, reason: string): void {
    const gap = { reason, after: this.position ?? 0, lastSeq };
    this.epoch = epoch;
    this.own.clear();
    this.position = lastSeq;
    this.options.onGap(gap);
  }
}
