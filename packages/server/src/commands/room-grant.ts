import { BongsuError } from '@bongsu/protocol';

export interface RoomRights {
  roomId: string;
  /** As `openRoom` answered them: a room made anew under the same id has another generation. */
  streamId: number;
  generation: number;
  /** May send triggers and navigates to its screens. Reading and posting come with the grant itself. */
  mayCommand: boolean;
}

/**
 * Says that somebody may use a room. Only what makes grants makes objects of this class, so that nobody reads a room or posts to it
 * without having been asked for.
 */
export class RoomGrant {
  readonly #rights: RoomRights;

  constructor(rights: RoomRights) {
    this.#rights = rights;
  }

  /** @throws FORBIDDEN for anything but a grant, whatever its type says */
  static rightsOf(grant: RoomGrant): RoomRights {
    if (typeof grant !== 'object' || grant === null || !(#rights in grant))
      throw new BongsuError('FORBIDDEN');
    return grant.#rights;
  }
}
