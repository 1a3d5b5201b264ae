import type { Joined, RoomEvent, RoomUser, UserLeft, UserReturned } from '@bongsu/protocol';
import type { RoomEvents, RoomParticipant } from './room-types.js';

type Tell = <Name extends 'joined' | 'reconnecting' | 'returned' | 'left' | 'waiting'>(
  event: Name,
  value: RoomEvents[Name],
) => void;

/** Who else is in a room. Each change is told once, however often it is heard of. */
export class RoomPeople {
  readonly present = new Map<string, RoomParticipant>();
  readonly lobby = new Map<string, RoomUser>();

  constructor(private readonly tell: Tell) {}

  /** Of a join's ack; returns what tells the differences to before, for when the rest has been set right. */
  meet(
    { existingUsers, waiting = [] }: Pick<Joined, 'existingUsers' | 'waiting'>,
    { isFirst }: { isFirst: boolean },
  ): () => void {
    const before = new Map(this.present);
    const lobbyBefore = new Map(this.lobby);
    this.present.clear();
    for (const { state = 'joined', ...user } of existingUsers)
      this.present.set(user.participantId, { ...user, state });
    this.lobby.clear();
    for (const user of waiting) this.lobby.set(user.participantId, user);
    return () => {
      if (isFirst) return;
      for (const [id, user] of [...before, ...lobbyBefore])
        if (!this.present.has(id) && !this.lobby.has(id))
          this.tell('left', { ...userOf(user), reason: 'missed' });
      for (const [id, now] of this.present) {
        const was = before.get(id);
        if (!was) this.tell('joined', now);
        else if (was.state === 'joined' && now.state === 'reconnecting') this.tell('reconnecting', now);
        else if (was.state !== now.state) this.tell('returned', { ...now, resumed: true });
      }
      for (const [id, user] of this.lobby) if (!lobbyBefore.has(id)) this.tell('waiting', user);
    };
  }

  onJoined(user: RoomEvent): void {
    this.lobby.delete(user.participantId);
    if (this.present.has(user.participantId)) return;
    // Who comes later gives way.
    const joined: RoomParticipant = { ...userOf(user), state: 'joined', polite: false };
    this.present.set(joined.participantId, joined);
    this.tell('joined', joined);
  }

  onReconnecting({ participantId }: RoomEvent): void {
    const changed = this.change(participantId, 'reconnecting');
    if (changed) this.tell('reconnecting', changed);
  }

  onReturned({ participantId, resumed }: UserReturned): void {
    const changed = this.change(participantId, 'joined');
    if (changed) this.tell('returned', { ...changed, resumed });
  }

  onLeft(user: UserLeft): void {
    const { participantId, reason } = user;
    const wasThere = this.present.delete(participantId);
    if (this.lobby.delete(participantId) || wasThere) this.tell('left', { ...userOf(user), reason });
  }

  onWaiting(user: RoomEvent): void {
    if (this.lobby.has(user.participantId)) return;
    this.lobby.set(user.participantId, userOf(user));
    this.tell('waiting', userOf(user));
  }

  private change(id: string, state: RoomParticipant['state']): RoomParticipant | undefined {
    const known = this.present.get(id);
    if (!known) return undefined;
    const changed = { ...known, state };
    this.present.set(id, changed);
    return changed;
  }
}

function userOf({ participantId, userId, username }: RoomUser): RoomUser {
  return { participantId, userId, username };
}
