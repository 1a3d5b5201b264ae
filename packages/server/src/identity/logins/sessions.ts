import { randomBytes } from 'node:crypto';
import { AuthenticationError } from '@bongsu/protocol';
import type { AuditEvent } from '../../platform/audit.js';
import type { Origin } from '../../platform/principal.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import type { SecretRing } from '../derive.js';
import { findSession, rotateSession, type SessionRow } from '../store/sessions.js';
import {
  hashRefreshToken,
  knownSuccessor,
  type RefreshParts,
  type Successor,
  sameHash,
  successorOf,
} from '../tokens/refresh-token.js';
import type { Login, Rotation } from '../tokens/token-manager.js';
import type { LiveSessions } from './live-sessions.js';
import { assertLive } from './liveness.js';
import { loginTransaction } from './login-transaction.js';

export interface SessionsDeps extends Pick<Core, 'config' | 'database' | 'feed' | 'now' | 'recordAudit'> {
  ring: SecretRing;
  live: Pick<LiveSessions, 'lastSeen' | 'touch'>;
  /** How long a person's former token still answers with the same successor. */
  graceMs: number;
  /** Tells a person, once it is so, that a login of theirs ended because a token of it was used twice. */
  tellReuse(userId: string): void;
}

/** A lost compare-and-set is read again; the second reading finds the winner's successor or the end of the login. */
const MAX_READINGS = 3;

/** Rotation of refresh tokens: one successor for each token, whoever asks and however often. */
export class Sessions {
  readonly #deps: SessionsDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /**
   * What is refused as foreign ends nothing: after a restored backup every client comes with such a token.
   * @throws AUTH_ERROR; TOKEN_EXPIRED; TOKEN_REVOKED, also when this very token ends the login because it was used before
   */
  async rotate(presented: RefreshParts, origin: Origin): Promise<Rotation> {
    const hash = hashRefreshToken(presented);
    for (let reading = 0; reading < MAX_READINGS; reading += 1) {
      const row = await this.#find(presented.sessionId);
      const place = placeOf(presented, hash, row);
      if (place === 'foreign') throw new AuthenticationError();
      if (place === 'current') {
        const successor = await this.#advance(row, presented, hash, origin);
        if (successor) return rotation(row, successor);
      } else if (place === 'previous' && row.rotationNonce && this.#inGrace(row)) {
        const { currentHash, rotationNonce } = row;
        const successor = knownSuccessor(this.#deps.ring, presented, rotationNonce, currentHash);
        // Without: it was made with a secret that is forgotten.
        if (!successor) throw new AuthenticationError();
        return rotation(row, successor);
      } else {
        return this.#endReused(row, presented, origin);
      }
    }
    throw new AuthenticationError();
  }

  /**
   * Two hold what one was given: nobody can tell the thief from the owner, so the login ends for both. Nothing that
   * happens meanwhile could make the token good again, so there is nothing to look at twice.
   */
  async #endReused(row: SessionRow, presented: RefreshParts, origin: Origin): Promise<never> {
    const ended = await loginTransaction(this.#deps, async (tx) => {
      if (!(await tx.end(row.id, 'reuse'))) return false;
      await this.#deps.recordAudit(tx, reuse(row, presented, origin));
      return true;
    });
    if (ended && row.kind === 'user' && row.userId !== null) this.#deps.tellReuse(row.userId);
    throw new AuthenticationError('TOKEN_REVOKED');
  }

  async #find(id: string): Promise<SessionRow> {
    const row = await findSession(this.#deps.database, id);
    if (!row) throw new AuthenticationError();
    assertLive({ ...row, lastSeen: this.#deps.live.lastSeen(row) }, this.#deps.now());
    return row;
  }

  /** Undefined when another request was first. */
  async #advance(
    row: SessionRow,
    presented: RefreshParts,
    hash: Uint8Array,
    origin: Origin,
  ): Promise<Successor | undefined> {
    const nonce = new Uint8Array(randomBytes(16));
    const [keys] = this.#deps.ring;
    const successor = { keys, parts: successorOf(keys, presented, nonce) };
    const at = this.#deps.now();
    const change = { id: row.id, from: hash, to: hashRefreshToken(successor.parts), nonce, at };
    const won = await this.#deps.database.transaction(async (tx) => {
      if (!(await rotateSession(tx, change))) return false;
      await this.#deps.recordAudit(tx, {
        action: 'session_renewed',
        outcome: 'success',
        actor: { ...actorOf(row), ...auditOrigin(origin).actor },
        ...auditOrigin(origin).request,
      });
      return true;
    });
    if (won) this.#deps.live.touch(row.id);
    return won ? successor : undefined;
  }

  /**
   * A device has nobody who could sign it in again: a lost answer must not end it, however long ago. Its former token
   * therefore counts until the successor is presented, which is when it stops being the former one.
   */
  #inGrace(row: SessionRow): boolean {
    if (row.kind === 'device') return true;
    return row.rotatedAt !== null && this.#deps.now() - row.rotatedAt <= this.#deps.graceMs;
  }
}

function rotation(row: SessionRow, successor: Successor): Rotation {
  return { login: loginOf(row), successor };
}

export function loginOf(row: SessionRow): Login {
  const { id: sessionId, acr, amr, authTime } = row;
  if (row.screenId !== null) {
    return {
      kind: 'device',
      sessionId,
      screenId: row.screenId,
      acr,
      amr,
      authTime,
      expiresAt: null,
      idleMs: null,
    };
  }
  const { userId, role, epoch, expiresAt, idleMs } = row;
  // The table's constraint and the join say so; the types cannot.
  if (userId === null || role === null || epoch === null) throw new AuthenticationError();
  return { kind: 'user', sessionId, userId, role, epoch, acr, amr, authTime, expiresAt, idleMs };
}

export function actorOf(row: SessionRow): AuditEvent['actor'] {
  return row.screenId === null
    ? { type: 'user', ref: row.userId ?? '', sid: row.id }
    : { type: 'screen', ref: row.screenId, sid: row.id };
}

/**
 * Where a genuine token stands in the chain of its login: by generation, never by time. One that is neither of the two
 * that SQL knows can have been of this chain only if it is older than both. One that is ahead of SQL is refused for devices
 * too: its MAC alone proves it, and JWT_SECRET alone must not be enough to make a credential.
 */
function placeOf(
  presented: RefreshParts,
  hash: Uint8Array,
  row: SessionRow,
): 'current' | 'previous' | 'older' | 'foreign' {
  if (sameHash(hash, row.currentHash)) return 'current';
  if (sameHash(hash, row.previousHash)) return 'previous';
  return presented.generation < row.generation - 1 ? 'older' : 'foreign';
}

/** A token that was replaced: a copy, or a client that lost an answer long ago. */
function reuse(row: SessionRow, presented: RefreshParts, origin: Origin): AuditEvent {
  return {
    action: 'authn_token_reuse',
    outcome: 'failure',
    actor: { type: 'anonymous', ...auditOrigin(origin).actor },
    target: { type: 'session', ref: row.id },
    ...auditOrigin(origin).request,
    data: { generation: presented.generation, current: row.generation },
  };
}
