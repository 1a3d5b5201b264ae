-- works-with: 0001
-- What the second half of identity needs beside 0002 (docs/identity.md).
-- Times are int8 milliseconds of the database's clock; codes and keys are stored as keyed hashes only.

-- Lockout (docs/decisions/0027): attempts under way, counted before their password is looked at. Those that a killed process left behind
-- lapse with reserved_until.
alter table auth_counters
  add column reserved integer not null default 0,
  add column reserved_until bigint not null default 0;

-- The list of users, by age.
create index users_created on users (created_at, id);
-- Hashes that came by import and are not made anew yet; empty on most servers.
create index users_foreign_hashes on users (id)
  where password_hash is not null and password_hash not like '$argon2id$v=19$m=19456,t=2,p=1$%';

-- API keys: what ends one, or changes when it will end, reaches every process by the same feed.
alter table revocations drop constraint revocations_kind_check;
alter table revocations add constraint revocations_kind_check check (kind in ('session', 'user', 'key', 'api-key'));

-- Signing keys: one waits for its turn at a time, however many nodes begin a rotation at once.
create unique index signing_keys_pending on signing_keys (alg) where state = 'pending';

-- Logins that ended long ago are thrown away. Neither index names last_seen, which is written all the time.
create index sessions_revoked on sessions (revoked_at) where revoked_at is not null;
create index sessions_expires on sessions (expires_at) where revoked_at is null and kind = 'user';

-- A new password, a reset and a factor taken off void what waits for a second step, while they hold the user's row.
create index auth_challenges_user on auth_challenges (user_id) where consumed_at is null;
