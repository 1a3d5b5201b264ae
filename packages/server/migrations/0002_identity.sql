-- works-with: 0001
-- People, logins, keys and what guards them (docs/identity.md).
-- Times are int8 milliseconds of the database's clock. Tokens and codes are stored as hashes only; personal data is
-- stored encrypted under a key of its own subject (subject_keys), so that destroying the key erases every copy.

-- Keys that belong to the whole installation, wrapped by JWT_SECRET ('secret-check') or PII_KEYS ('email-index').
create table data_keys (
  purpose text primary key,
  key_id text not null,
  wrapped bytea not null,
  created_at bigint not null
);

-- One key a person. No foreign key: the row outlives or predates its user, and its removal is the erasure.
create table subject_keys (
  subject_id uuid primary key,
  version smallint not null default 1,
  key_id text not null,
  wrapped bytea not null,
  created_at bigint not null
);

create table users (
  id uuid primary key,
  email_enc bytea,
  -- Keyed hash of the normalised address: finds a user without decrypting anybody. Null once erased.
  email_bi bytea unique,
  email_verified_at bigint,
  username text not null,
  role text not null default 'user' check (role in ('user', 'admin')),
  status text not null default 'active' check (status in ('active', 'disabled', 'erased')),
  -- In every access token: a higher one voids all earlier tokens of the user.
  epoch integer not null default 0,
  password_hash text,
  password_changed_at bigint,
  created_at bigint not null,
  last_login bigint
);
create index users_admins on users (id) where role = 'admin';

-- Sign-ups that wait for their address to be verified; several may wait for one address, the first verified wins.
create table pending_signups (
  id uuid primary key,
  email_enc bytea not null,
  email_bi bytea not null,
  username text not null,
  password_hash text not null,
  token_hash bytea not null unique,
  created_at bigint not null,
  expires_at bigint not null
);
create index pending_signups_email on pending_signups (email_bi);

-- One row a login, of a person or of a screen's device. The refresh token of generation n is valid; the one before it
-- answers with the same successor for a grace, made again from rotation_nonce and that token itself.
create table sessions (
  id uuid primary key,
  kind text not null check (kind in ('user', 'device')),
  user_id uuid references users on delete cascade,
  screen_id text,
  generation bigint not null default 0,
  current_hash bytea not null,
  previous_hash bytea,
  rotated_at bigint,
  rotation_nonce bytea,
  -- When a device login first proved that its tokens arrived.
  used_at bigint,
  acr text not null default 'aal1',
  amr text not null default 'pwd',
  auth_time bigint not null,
  created_at bigint not null,
  last_seen bigint not null,
  -- Null: never idles out. expires_at null: no absolute end (devices).
  idle_ms bigint,
  expires_at bigint,
  ip_prefix text,
  user_agent text,
  device_hash bytea,
  revoked_at bigint,
  revoke_reason text,
  check ((kind = 'user') = (user_id is not null)),
  check ((kind = 'device') = (screen_id is not null))
) with (fillfactor = 70);
create index sessions_user on sessions (user_id, last_seen) where revoked_at is null and kind = 'user';
create index sessions_screen on sessions (screen_id) where kind = 'device';

-- What every process must hear of within seconds. Polled by seq; a row may go once no token it concerns can be valid.
create table revocations (
  seq bigint generated always as identity primary key,
  kind text not null check (kind in ('session', 'user', 'key')),
  id text not null,
  reason text not null,
  at bigint not null,
  until bigint not null
);
create index revocations_until on revocations (until);

-- Private halves are wrapped by a key derived from JWT_SECRET and gone once destroyed.
create table signing_keys (
  kid text primary key,
  alg text not null check (alg in ('EdDSA', 'ES256')),
  state text not null check (state in ('pending', 'active', 'retired', 'destroyed')),
  public_jwk jsonb not null,
  private_jwk_enc bytea,
  created_at bigint not null,
  activated_at bigint,
  retired_at bigint,
  destroyed_at bigint,
  check ((state = 'destroyed') = (private_jwk_enc is null))
);
-- Two starters at once: the second insert fails or waits, and one key is active.
create unique index signing_keys_active on signing_keys (alg) where state = 'active';

create table mfa_factors (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  kind text not null default 'totp' check (kind in ('totp')),
  secret_enc bytea not null,
  state text not null check (state in ('pending', 'active')),
  -- The last time step that was accepted: a code counts once.
  last_step bigint,
  created_at bigint not null,
  activated_at bigint
);
create unique index mfa_factors_one on mfa_factors (user_id, kind, state);

create table recovery_codes (
  user_id uuid not null references users on delete cascade,
  hash bytea not null,
  created_at bigint not null,
  used_at bigint,
  primary key (user_id, hash)
);

-- A step between two requests of one log-in, such as "password was right, code is due".
create table auth_challenges (
  id_hash bytea primary key,
  user_id uuid not null references users on delete cascade,
  purpose text not null,
  data jsonb not null default '{}',
  attempts smallint not null default 0,
  created_at bigint not null,
  expires_at bigint not null,
  consumed_at bigint
);
create index auth_challenges_expires_at on auth_challenges (expires_at);

-- Failures by address, account or pair, kept by keyed hash whether or not the account exists.
create table auth_counters (
  scope text not null,
  key_hash bytea not null,
  n integer not null,
  window_start bigint not null,
  locked_until bigint,
  primary key (scope, key_hash)
);
create index auth_counters_window_start on auth_counters (window_start);

create table api_keys (
  id text primary key,
  user_id uuid not null references users on delete cascade,
  name text not null,
  secret_hash bytea not null,
  scopes text[] not null,
  created_at bigint not null,
  expires_at bigint,
  last_used_at bigint,
  revoked_at bigint,
  -- The key that took over; this one lives on for the overlap.
  rotated_to text
);
create index api_keys_user on api_keys (user_id);

create table reset_tokens (
  hash bytea primary key,
  user_id uuid not null references users on delete cascade,
  created_at bigint not null,
  expires_at bigint not null,
  used_at bigint
);
create index reset_tokens_user on reset_tokens (user_id);

-- Links that make the first administrator; void and removed once there is one.
create table setup_tokens (
  hash bytea primary key,
  created_at bigint not null,
  expires_at bigint not null
);
