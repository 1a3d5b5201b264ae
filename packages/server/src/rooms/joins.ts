import { BongsuError, type Joined, type Waiting } from '@bongsu/protocol';
import type { RoomsContext } from './deps.js';
import type { Join, SocketCall } from './join.js';

type Answer = Joined | Waiting;

interface Asked {
  join: Join;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

interface Gathering {
  turn: Promise<unknown> | undefined;
  asked: Asked[];
}

/**
 * Answers a join as soon as that is known: what is told to the room next, the socket of this join hears too, and by then it must have been
 * told that it is there. Never rejects.
 */
export type AnswerJoin = (join: Join, answer: Promise<Answer>) => Promise<void>;

/** Answers each of the joins once. */
type Work = (roomId: string, joins: readonly Join[], answer: AnswerJoin) => Promise<void>;

/** Of one turn: answers name everybody who is in the room, and others wait for theirs. */
const MAX_TOGETHER = 50;

/**
 * Joins of a room that wait for their turn one behind another share it. Nobody is in one twice: of two sockets of one person the later
 * one may take the seat of the other.
 */
export class Joins {
  /** By room, until the turn begins. */
  readonly #gatherings = new Map<string, Gathering>();

  constructor(
    private readonly deps: Pick<RoomsContext, 'attendance' | 'queues'>,
    private readonly work: Work,
  ) {}

  /** The turn is taken before anything waits: what the socket asks for next comes after it. */
  add(join: Join): Promise<Answer> {
    const { roomId } = join.input;
    this.deps.attendance.visit(join.call.socket.id, roomId);
    return new Promise((resolve, reject) => {
      const asked = { join, resolve, reject };
      const gathering = this.#gatherings.get(roomId);
      if (gathering && this.#takes(gathering, join)) gathering.asked.push(asked);
      else this.#begin(roomId, asked);
    });
  }

  #takes({ turn, asked }: Gathering, { call, input }: Join): boolean {
    const isLast = this.deps.queues.last(input.roomId) === turn;
    const isThere = asked.some(({ join }) => join.call.user.userId === call.user.userId);
    return isLast && !isThere && asked.length < MAX_TOGETHER;
  }

  #begin(roomId: string, first: Asked): void {
    const { queues } = this.deps;
    const gathering: Gathering = { turn: undefined, asked: [first] };
    this.#gatherings.set(roomId, gathering);
    void queues.run(roomId, async () => {
      if (this.#gatherings.get(roomId) === gathering) this.#gatherings.delete(roomId);
      await this.#work(roomId, gathering.asked);
    });
    gathering.turn = queues.last(roomId);
  }

  /** Never rejects. */
  async #work(roomId: string, asked: readonly Asked[]): Promise<void> {
    const waiting = new Map(asked.map((one) => [one.join, one]));
    const answer: AnswerJoin = async (join, answered) => {
      const one = waiting.get(join);
      if (!one) return;
      waiting.delete(join);
      try {
        this.#resolve(one, await answered);
      } catch (error) {
        this.#reject(one, error);
      }
    };
    try {
      await this.work(roomId, [...waiting.keys()], answer);
    } catch (error) {
      for (const one of waiting.values()) this.#reject(one, error);
    }
  }

  #resolve({ join: { call, input }, resolve }: Asked, answer: Answer): void {
    this.deps.attendance.endVisit(call.socket.id, input.roomId);
    resolve(answer);
  }

  #reject({ join: { call, input }, reject }: Asked, error: unknown): void {
    endRefusedVisit(this.deps, call, input.roomId, error);
    reject(error);
  }
}

/** Runs a join in the room's turn, by itself. */
export function visit<Result>(
  { attendance, queues }: Pick<RoomsContext, 'attendance' | 'queues'>,
  call: SocketCall,
  roomId: string,
  join: () => Promise<Result>,
): Promise<Result> {
  attendance.visit(call.socket.id, roomId);
  return queues.run(roomId, async () => {
    try {
      const result = await join();
      attendance.endVisit(call.socket.id, roomId);
      return result;
    } catch (error) {
      endRefusedVisit({ attendance }, call, roomId, error);
      throw error;
    }
  });
}

/** Of anything but a refusal nobody knows whether there is a seat: the end of the socket looks after it. */
function endRefusedVisit(
  { attendance }: Pick<RoomsContext, 'attendance'>,
  { socket }: SocketCall,
  roomId: string,
  error: unknown,
): void {
  if (error instanceof BongsuError) attendance.endVisit(socket.id, roomId);
}
