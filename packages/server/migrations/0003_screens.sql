-- works-with: 0001
-- Screens, who may command them, and how a device becomes one (docs/protocol.md, rules SC).
-- Times are int8 milliseconds of the database's clock. People are named by id only.

create table screens (
  id text primary key,
  owner_id uuid not null,
  name text not null,
  -- Its inbox; screen_sessions says who holds it.
  stream_id bigint not null unique references streams,
  created_at bigint not null,
  last_connected_at bigint
);
create index screens_owner on screens (owner_id);
create index screens_created on screens (created_at desc, id desc);

create table screen_controllers (
  screen_id text not null references screens on delete cascade,
  user_id uuid not null,
  granted_by uuid not null,
  granted_at bigint not null,
  primary key (screen_id, user_id)
);
create index screen_controllers_user on screen_controllers (user_id);

-- A device that wants to become a screen. Lives for minutes: the sweep removes it, and with it the device's address.
create table pairings (
  id text primary key,
  code text not null unique,
  secret_hash bytea not null,
  created_at bigint not null,
  expires_at bigint not null,
  -- What the address counts as for limits, and what the claimer is shown.
  address_key text not null,
  address text not null,
  user_agent text not null,
  claimed_by uuid,
  screen_id text references screens on delete cascade,
  -- The device's answer, encrypted under a key that only the pairing secret yields. Erased when the pairing closes.
  answer bytea,
  closed_at bigint,
  check ((claimed_by is null) = (screen_id is null)),
  check (answer is null or screen_id is not null)
);
create index pairings_expires_at on pairings (expires_at);
create index pairings_address on pairings (address_key);
create index pairings_screen on pairings (screen_id);
