-- works-with: 0001
-- Tables of the whole guarantee: retries, dead letters, rooms' fan-out, what screens show, hooks (docs/delivery.md).

-- What each display of a screen should show, and what the screen says that it shows.
create table screen_displays (
  stream_id bigint not null references streams,
  display_index smallint not null,
  -- Of the latest navigate that was accepted.
  desired_url text,
  desired_at bigint,
  desired_seq bigint,
  desired_id uuid,
  -- By the receipt of a navigate, or by `report`.
  reported_url text,
  reported_at bigint,
  primary key (stream_id, display_index)
);

-- Screens that carry out what is sent to a room. Changed under the same locks as an accept takes: rooms, then screens, in id order.
create table room_screens (
  room_stream_id bigint not null references streams,
  screen_stream_id bigint not null references streams,
  added_by uuid not null,
  added_at bigint not null,
  primary key (room_stream_id, screen_stream_id)
);
create index room_screens_screen on room_screens (screen_stream_id);

-- Events for COMMAND_HOOK_URL that were not answered yet, written with the outcome that they tell of.
create table hook_outbox (
  id uuid primary key,
  body text not null,
  kind text not null check (kind in ('executed', 'dead')),
  at bigint not null,
  attempts smallint not null default 0,
  next_at bigint not null
);
create index hook_outbox_next_at on hook_outbox (next_at);
create index hook_outbox_at on hook_outbox (at);

create index dead_letters_at on dead_letters (at);
create index dead_letters_waiting on dead_letters (at desc, id) where requeued_as is null;
-- For counts, and for requeueing by screen or reason.
create index dead_letters_waiting_screen on dead_letters (screen_id, reason, at) where requeued_as is null;
