import type { Queryable } from '../../platform/database/database.js';

export interface PairingRow {
  id: string;
  code: string;
  secretHash: Uint8Array;
  expiresAt: number;
  address: string;
  userAgent: string;
  claimedBy: string | null;
  screenId: string | null;
  answer: Uint8Array | null;
  closedAt: number | null;
}

const SELECT_PAIRINGS = `
  select id, code, secret_hash as "secretHash", expires_at as "expiresAt", address, user_agent as "userAgent",
    claimed_by as "claimedBy", screen_id as "screenId", answer, closed_at as "closedAt"
  from pairings`;

/** False when the code is taken, which leaves the transaction usable. */
export async function insertPairing(
  tx: Queryable,
  pairing: Pick<PairingRow, 'id' | 'code' | 'secretHash' | 'expiresAt' | 'address' | 'userAgent'> & {
    createdAt: number;
    addressKey: string;
  },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into pairings (id, code, secret_hash, created_at, expires_at, address_key, address, user_agent)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (code) do nothing returning 1 as added`,
    [
      pairing.id,
      pairing.code,
      pairing.secretHash,
      pairing.createdAt,
      pairing.expiresAt,
      pairing.addressKey,
      pairing.address,
      pairing.userAgent,
    ],
  );
  return rows.length > 0;
}

/** Pairings that still wait for a claim: of one address, and all. */
export async function countOpenPairings(
  db: Queryable,
  addressKey: string,
  now: number,
): Promise<{ ofAddress: number; all: number }> {
  const [row] = await db.query<{ ofAddress: number; all: number }>(
    `select count(*) filter (where address_key = $1) as "ofAddress", count(*) as "all"
     from pairings where expires_at > $2 and claimed_by is null`,
    [addressKey, now],
  );
  return row ?? { ofAddress: 0, all: 0 };
}

export async function findPairing(db: Queryable, id: string): Promise<PairingRow | undefined> {
  const [row] = await db.query<PairingRow>(`${SELECT_PAIRINGS} where id = $1`, [id]);
  return row;
}

export async function lockPairing(tx: Queryable, id: string): Promise<PairingRow | undefined> {
  const [row] = await tx.query<PairingRow>(`${SELECT_PAIRINGS} where id = $1 for update`, [id]);
  return row;
}

export async function lockPairingByCode(tx: Queryable, code: string): Promise<PairingRow | undefined> {
  const [row] = await tx.query<PairingRow>(`${SELECT_PAIRINGS} where code = $1 for update`, [code]);
  return row;
}

export async function claimPairing(
  tx: Queryable,
  claim: { id: string; userId: string; screenId: string; expiresAt: number },
): Promise<void> {
  await tx.query('update pairings set claimed_by = $2, screen_id = $3, expires_at = $4 where id = $1', [
    claim.id,
    claim.userId,
    claim.screenId,
    claim.expiresAt,
  ]);
}

export async function saveAnswer(
  tx: Queryable,
  id: string,
  answer: Uint8Array,
  expiresAt: number,
): Promise<void> {
  await tx.query('update pairings set answer = $2, expires_at = $3 where id = $1', [id, answer, expiresAt]);
}

/** Ends the pairings of a screen; their answers are erased. */
export async function closePairings(db: Queryable, screenId: string, now: number): Promise<void> {
  await db.query(
    'update pairings set closed_at = $2, answer = null where screen_id = $1 and closed_at is null',
    [screenId, now],
  );
}

export async function deletePairingsBefore(db: Queryable, expiresBefore: number): Promise<void> {
  await db.query('delete from pairings where expires_at < $1', [expiresBefore]);
}
