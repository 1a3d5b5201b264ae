import { createHmac } from 'node:crypto';
import type { IceServer, IceServers } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';
import type { TurnConfig } from './deps.js';

/**
 * A TURN server looks at the expiry when a relay is allocated, not later, and takes nothing back. So it is long enough for a call to
 * restart ICE without asking first, and short enough that what was copied is soon worth nothing.
 */
export const CREDENTIAL_MS = 60 * 60_000;
/** The TURN server compares with its own clock: one that is ahead by this much must not refuse what we called valid. */
const SKEW_MS = 5 * 60_000;

/** The STUN and TURN servers of a call, with credentials that end by themselves (draft-uberti-behave-turn-rest, as coturn has it). */
export class IceServerList {
  readonly #stun: IceServer[];
  readonly #turnUrls: string[];
  readonly #secret: string | undefined;

  constructor(
    turn: TurnConfig | undefined,
    private readonly databaseClock: DatabaseClock,
  ) {
    const { urls = [], secret } = turn ?? {};
    const stunUrls = urls.filter((url) => url.startsWith('stun'));
    this.#stun = stunUrls.length > 0 ? [{ urls: stunUrls }] : [];
    this.#turnUrls = urls.filter((url) => !url.startsWith('stun'));
    this.#secret = secret;
  }

  /**
   * @param name whose relays these are, without a colon: the TURN server counts its quota by it and has it in its log, so the id of a
   * user and no name of a person
   * @example const { iceServers, expiresAt } = list.issue(user.userId)
   */
  issue(name: string): IceServers {
    // Without a secret no relay would be given, and a browser throws at a turn: URL without credentials.
    if (this.#turnUrls.length === 0 || this.#secret === undefined) {
      return { iceServers: this.#stun, expiresAt: null };
    }
    const expiresAt = this.databaseClock() + CREDENTIAL_MS;
    const username = `${Math.ceil((expiresAt + SKEW_MS) / 1000)}:${name}`;
    const credential = createHmac('sha1', this.#secret).update(username).digest('base64');
    return { iceServers: [...this.#stun, { urls: this.#turnUrls, username, credential }], expiresAt };
  }
}
