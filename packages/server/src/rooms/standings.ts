import { BongsuError } from '@bongsu/protocol';
import type { RoomGrant } from '../commands/index.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { fewStatements } from '../platform/resilience/few-statements.js';
import { wasTheirs } from './access.js';
import type { RoomRow, RoomsDeps } from './deps.js';
import type { LiveRooms } from './live-rooms.js';
import { grantOf, hears, type RoomAccess, type RoomStanding, rolesIn } from './room-access.js';
import { findMemberships } from './store/memberships.js';

interface StandingsDeps extends Pick<RoomsDeps, 'clock' | 'database' | 'streams'> {
  live: Pick<LiveRooms, 'expect' | 'known' | 'load'>;
}

interface Question {
  user: UserPrincipal;
  roomId: string;
}

type Answer = RoomStanding | undefined;

/**
 * Who may do what with rooms: a yes from memory, a no from SQL only, as another process may have let somebody in a moment ago. Who is
 * refused again and again costs no more than few statements at a time, which ask for all of them.
 */
export class RoomStandings implements RoomAccess {
  readonly #looks: BatchProcessor<Question, Answer>;

  constructor(private readonly deps: StandingsDeps) {
    this.#looks = new BatchProcessor({
      ...fewStatements(deps.clock),
      keyOf: ({ user, roomId }: Question) => `${user.userId} ${roomId}`,
      process: (questions: Question[]) => this.#look(questions),
    });
  }

  expect(roomIds: readonly string[]): void {
    this.deps.live.expect(roomIds);
  }

  role(user: UserPrincipal, roomId: string): Answer | Promise<Answer> {
    return this.#ask({ user, roomId }, hears);
  }

  /** See `Rooms.authorize`. */
  authorize(
    principal: Principal,
    roomId: string,
    toCommand: boolean,
  ): RoomGrant | undefined | Promise<RoomGrant | undefined> {
    if (principal.kind !== 'user') return undefined;
    const isEnough = toCommand ? mayCommand : hears;
    const found = this.#ask({ user: principal, roomId }, isEnough);
    if (!(found instanceof Promise)) return this.#grant(found);
    return found.then(async (it) => {
      if (!it && (await wasTheirs(this.deps.database, principal, roomId)))
        throw new BongsuError('ROOM_CLOSED');
      return this.#grant(it);
    });
  }

  #ask(question: Question, isEnough: (answer: Answer) => boolean): Answer | Promise<Answer> {
    const { user, roomId } = question;
    const { live } = this.deps;
    const known = live.known(roomId);
    if (known) {
      const remembered = standing(user, known.room, known.isMember(user.userId));
      return isEnough(remembered) ? remembered : this.#looks.add(question);
    }
    const { isFresh, room } = live.load(roomId);
    return room.then((read) => {
      const found = read && standing(user, read.room, read.isMember(user.userId));
      return isFresh || isEnough(found) ? found : this.#looks.add(question);
    });
  }

  async #look(questions: readonly Question[]): Promise<Answer[]> {
    const asked = questions.map(({ user, roomId }) => ({ userId: user.userId, roomId }));
    const answers = await findMemberships(this.deps.database, asked);
    return questions.map(({ user }, n) => {
      const found = answers[n];
      return found && standing(user, found.room, found.isMember);
    });
  }

  #grant(found: Answer): RoomGrant | undefined {
    return hears(found) ? this.deps.streams.grant(grantOf(found.room, found.role)) : undefined;
  }
}

function standing(user: UserPrincipal, room: RoomRow, isMember: boolean): Answer {
  const [role] = rolesIn(user, room.ownerId, isMember);
  return role && { room, role };
}

function mayCommand(answer: Answer): boolean {
  return answer !== undefined && grantOf(answer.room, answer.role).mayCommand;
}
