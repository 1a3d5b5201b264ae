-- works-with: 0001
-- The ledger: streams, commands, deliveries and what belongs to them (docs/delivery.md).
-- Times are int8 milliseconds of the database's clock; callers pass them, so that tests can move time.

create table meta (
  only_row boolean primary key default true check (only_row),
  epoch uuid not null default gen_random_uuid(),
  -- Of the cluster and the boot under which the epoch was made: another value makes a new epoch.
  system_identifier text,
  boot_id text
);
insert into meta default values;

-- One live process a row; the name itself is held by an advisory lock on the process's own connection.
create table nodes (
  name text primary key,
  incarnation uuid not null,
  lease_until bigint not null,
  region text
);

-- fillfactor: last_seq changes with every accepted batch, and a HOT update needs room in the page.
create table streams (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('screen', 'room')),
  name text not null,
  last_seq bigint not null default 0,
  floor_seq bigint not null default 0,
  -- A deleted stream keeps its row, so that its commands stay answerable, and takes no new ones.
  deleted_at bigint,
  unique (kind, name)
) with (fillfactor = 50);

-- Log and idempotency record in one row. `payload` is JSON as text: the fields of the entry that belong to its type.
-- No foreign key: the accept function holds the stream's row when it inserts, streams are never deleted, and the check would
-- cost a look-up a row.
create table commands (
  stream_id bigint not null,
  seq bigint not null,
  sender_id uuid not null,
  id uuid not null,
  type text not null,
  fingerprint bytea not null,
  payload text not null,
  accepted_at bigint not null,
  expires_at bigint not null,
  retries smallint,
  notify text not null default 'all',
  requeue_of uuid,
  primary key (stream_id, seq),
  unique (sender_id, id)
);
alter table commands alter column payload set storage external;

-- A room command in the inbox of a member screen: by reference, the payload is stored once.
create table inbox_references (
  stream_id bigint not null references streams,
  seq bigint not null,
  room_stream_id bigint not null,
  room_seq bigint not null,
  primary key (stream_id, seq),
  foreign key (room_stream_id, room_seq) references commands (stream_id, seq)
);
create index inbox_references_room on inbox_references (room_stream_id, room_seq);

-- Who may write for a screen: the connection with the present fence. acked_seq: all entries up to it are terminal.
create table screen_sessions (
  screen_id text primary key,
  stream_id bigint not null unique references streams,
  node text,
  incarnation uuid,
  fence bigint not null default 0,
  instance_id uuid,
  connected_at bigint not null default 0,
  acked_seq bigint not null default 0
) with (fillfactor = 50);

-- Exceptions only: an entry that was sent at least once without success and is not terminal.
create table attempts (
  stream_id bigint not null,
  seq bigint not null,
  -- Receipts that said failed, and connections that ended while the entry was the oldest in flight.
  n smallint not null default 0,
  lost smallint not null default 0,
  next_at bigint,
  last_error text,
  primary key (stream_id, seq)
);
create index attempts_next_at on attempts (next_at) where next_at is not null;

-- One row a terminal outcome.
create table deliveries (
  stream_id bigint not null,
  seq bigint not null,
  status text not null check (status in ('executed', 'dead', 'expired', 'superseded', 'cancelled')),
  attempts smallint not null,
  at bigint not null,
  error text,
  reason text,
  primary key (stream_id, seq)
);

-- Copies, so that pruning the log leaves them whole.
create table dead_letters (
  id uuid primary key,
  screen_id text not null,
  stream_id bigint not null,
  seq bigint not null,
  command_id uuid not null,
  sender_id uuid not null,
  type text not null,
  payload text not null,
  reason text not null check (reason in ('exhausted', 'rejected', 'no-receipt', 'lost', 'overflow')),
  error text,
  attempts smallint not null,
  at bigint not null,
  first_id uuid not null,
  requeued_as uuid,
  mirrored boolean not null default false,
  unique (screen_id, stream_id, seq)
);
create index dead_letters_screen on dead_letters (screen_id, at desc);

-- Answers of operations other than commands that carried an Idempotency-Key.
create table idempotency (
  scope text not null,
  key text not null,
  fingerprint bytea not null,
  result jsonb,
  expires_at bigint not null,
  primary key (scope, key)
);
create index idempotency_expires_at on idempotency (expires_at);

-- One row per change of identity, rights, screens or rooms, written in the transaction of the change.
create table audit_outbox (
  seq bigint generated always as identity primary key,
  id uuid not null unique,
  at bigint not null,
  event jsonb not null
);

-- The epoch on the wire: it changes when data may have gone back, by restore, by failover or by power loss.
create function current_epoch() returns text language sql volatile as $$
  select epoch::text || '-' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) from meta
$$;
