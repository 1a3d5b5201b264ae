import type { Queryable } from '../../platform/database/database.js';

/** What a log-in carries from its first step to its second. */
export interface ChallengeData {
  rememberMe: boolean;
  /** SHA-256 of the stored password hash that was right, base64url: another one since then voids the challenge. */
  credential: string;
}

export interface NewChallenge {
  idHash: Uint8Array;
  userId: string;
  purpose: 'login';
  data: ChallengeData;
  at: number;
  expiresAt: number;
}

export interface ChallengeTry {
  userId: string;
  data: ChallengeData;
  /** This one included. */
  attempts: number;
}

/** $1: the hash of the id, $2: now. */
const OPEN = `id_hash = $1 and purpose = 'login' and expires_at > $2 and consumed_at is null`;

export async function insertChallenge(tx: Queryable, challenge: NewChallenge): Promise<void> {
  const { idHash, userId, purpose, data, at, expiresAt } = challenge;
  await tx.query(
    `insert into auth_challenges (id_hash, user_id, purpose, data, created_at, expires_at)
     values ($1, $2, $3, $4::jsonb, $5, $6)`,
    [idHash, userId, purpose, JSON.stringify(data), at, expiresAt],
  );
}

/** Counts one try before its code is looked at; undefined when there is no such challenge or none is left. */
export async function countChallengeTry(
  db: Queryable,
  idHash: Uint8Array,
  now: number,
  maxTries: number,
): Promise<ChallengeTry | undefined> {
  const [row] = await db.query<ChallengeTry>(
    `update auth_challenges set attempts = attempts + 1 where ${OPEN} and attempts < $3
     returning user_id as "userId", data, attempts`,
    [idHash, now, maxTries],
  );
  return row;
}

/** Once: false when another request used it, or when it has expired meanwhile. */
export async function consumeChallenge(tx: Queryable, idHash: Uint8Array, now: number): Promise<boolean> {
  const rows = await tx.query(`update auth_challenges set consumed_at = $2 where ${OPEN} returning user_id`, [
    idHash,
    now,
  ]);
  return rows.length === 1;
}

export async function deleteOldChallenges(db: Queryable, now: number): Promise<void> {
  await db.query('delete from auth_challenges where expires_at < $1', [now]);
}
