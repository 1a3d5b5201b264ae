import type { Queryable } from '../../platform/database/database.js';

// A person's logins as that person sees them. Of one login alone: sessions.ts.

export interface OpenLoginRow {
  id: string;
  createdAt: number;
  lastSeen: number;
  /** Null: with rememberMe. */
  idleMs: number | null;
  expiresAt: number | null;
  ipPrefix: string | null;
  userAgent: string | null;
  acr: string;
}

/** Neither ended nor past their end, nor idle by more than `slackMs`. */
export function findOpenLogins(
  db: Queryable,
  userId: string,
  now: number,
  slackMs: number,
): Promise<OpenLoginRow[]> {
  return db.query<OpenLoginRow>(
    `select id, created_at as "createdAt", last_seen as "lastSeen", idle_ms as "idleMs", expires_at as "expiresAt",
            ip_prefix as "ipPrefix", user_agent as "userAgent", acr
       from sessions
      where user_id = $1 and kind = 'user' and revoked_at is null
        and (expires_at is null or expires_at > $2) and (idle_ms is null or last_seen + idle_ms + $3 > $2)`,
    [userId, now, slackMs],
    { name: 'identity-open-logins' },
  );
}

export async function isLoginOpen(tx: Queryable, id: string): Promise<boolean> {
  return (await tx.query('select 1 from sessions where id = $1 and revoked_at is null', [id])).length > 0;
}

/** How, and unless `at` is null when, it was proven anew who sits there. False when the login has ended. */
export async function recordProof(
  tx: Queryable,
  id: string,
  at: number | null,
  proof: { acr: string; amr: string } | undefined,
): Promise<boolean> {
  const rows = await tx.query(
    `update sessions set auth_time = coalesce($2::bigint, auth_time), acr = coalesce($3, acr), amr = coalesce($4, amr), last_seen = greatest(last_seen, $2::bigint)
      where id = $1 and revoked_at is null returning id`,
    [id, at, proof?.acr ?? null, proof?.amr ?? null],
  );
  return rows.length === 1;
}

export interface ProofsRow {
  passwordHash: string | null;
  /** A second factor is on. */
  secondFactor: boolean;
}

/** With what a person proves who they are; undefined for one that is not active. */
export async function findProofs(db: Queryable, userId: string): Promise<ProofsRow | undefined> {
  const [row] = await db.query<ProofsRow>(
    `select u.password_hash as "passwordHash",
            exists (select 1 from mfa_factors f where f.user_id = u.id and f.state = 'active') as "secondFactor"
       from users u where u.id = $1 and u.status = 'active'`,
    [userId],
  );
  return row;
}
