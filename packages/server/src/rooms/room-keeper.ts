import { findLiveNodes } from '../platform/database/live-nodes.js';
import { FreshRun } from '../platform/fresh-run.js';
import type { RoomsContext } from './deps.js';
import { forEachRoom } from './due.js';
import { closeOverdueRooms } from './expiry.js';
import { followHint } from './follow.js';
import { adoptSeats, endGraces } from './graces.js';
import { findNextGrace } from './store/participants.js';
import { renewEmptyRooms } from './store/rooms.js';

const LOOK_MS = 5000;
/** What is due still after a look could not be done: at once it could not either. */
const RETRY_MS = 1000;

type Step = (context: RoomsContext) => Promise<void>;

/** Does what time does to rooms: a look every 5 s, and what has ended when the next grace does. */
export class RoomKeeper {
  readonly #looking = new FreshRun(() => this.#look());
  readonly #comparing = new FreshRun(() => this.#try(settleAll));
  readonly #endingGraces = new FreshRun(() => this.#endGraces());
  #stopped = false;
  #stopLooking = () => {};
  #cancelAlarm = () => {};
  #alarmAt = Number.POSITIVE_INFINITY;

  constructor(private readonly context: () => RoomsContext) {}

  /**
   * Graces of those whose process is gone, and of empty rooms, begin anew where no server ran: a restart costs nobody their seat.
   */
  async start(): Promise<void> {
    const context = this.context();
    const { database, databaseClock, node } = context;
    const live = await findLiveNodes(database, databaseClock());
    const isFirst = live.every(({ incarnation }) => incarnation === node.incarnation);
    await adoptSeats(context, isFirst);
    if (isFirst) await renewEmptyRooms(database, Math.floor(databaseClock()));
    await this.#setAlarm();
    this.#stopLooking = context.clock.every(LOOK_MS, () => void this.look());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopLooking();
    this.#cancelAlarm();
    await this.look();
    await this.#endingGraces.run();
  }

  /** Resolves after a look that began after the call. Never rejects. */
  look(): Promise<void> {
    return this.#looking.run();
  }

  /** Compares all rooms with their rows, by one query. Never rejects. */
  compare(): Promise<void> {
    return this.#comparing.run();
  }

  /** A grace ends then. */
  expectAt(time: number): void {
    if (this.#stopped || time >= this.#alarmAt) return;
    const { clock, databaseClock } = this.context();
    this.#cancelAlarm();
    this.#alarmAt = time;
    this.#cancelAlarm = clock.after(Math.max(0, time - databaseClock()), () => {
      this.#alarmAt = Number.POSITIVE_INFINITY;
      void this.#endingGraces.run();
    });
  }

  async #look(): Promise<void> {
    await this.#try(adoptSeats);
    await this.#endingGraces.run();
    await this.#try(closeOverdueRooms);
    await this.compare();
  }

  async #endGraces(): Promise<void> {
    await this.#try(endGraces);
    if (!this.#stopped) await this.#setAlarm().catch(() => undefined);
  }

  async #try(step: Step): Promise<void> {
    if (this.#stopped) return;
    const context = this.context();
    try {
      await step(context);
    } catch (error) {
      context.log.warn({ err: error, step: step.name }, 'rooms could not be looked after yet');
    }
  }

  async #setAlarm(): Promise<void> {
    const { database, databaseClock } = this.context();
    const next = await findNextGrace(database);
    const now = databaseClock();
    if (next !== undefined) this.expectAt(next > now ? next : now + RETRY_MS);
  }
}

/** What hints did not tell, and what could not be done when they did. */
async function settleAll(context: RoomsContext): Promise<void> {
  const { attendance, live } = context;
  const stale = new Set(await live.listStale());
  // Of thousands hardly any: whoever asked for each in its turn would hold up everybody else.
  const unsettled = attendance.roomIds.filter((roomId) => !attendance.isSettled(roomId));
  const rooms = [...new Set([...stale, ...unsettled])].map((roomId) => ({ roomId }));
  await forEachRoom(context, 'news', rooms, ({ roomId }) => {
    const { id, version } = live.here(roomId)?.room ?? {};
    const hint = stale.has(roomId) ? { roomId } : { roomId, id, version };
    return followHint(context, { ...hint, closed: undefined });
  });
}
