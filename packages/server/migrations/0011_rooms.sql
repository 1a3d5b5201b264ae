-- works-with: 0001
-- Rooms, who is and was in them (docs/signaling.md, docs/decisions/0070-rooms-in-sql.md).
-- Times are int8 milliseconds of the database's clock. Locks: a room's row first, then whatever 0007 says of streams.

create table rooms (
  -- Of this room; its room_id may be that of earlier ones, which are closed.
  id bigint generated always as identity primary key,
  room_id text not null,
  stream_id bigint not null references streams,
  generation int not null,
  name text not null,
  owner_id uuid not null,
  status text not null default 'open' check (status in ('open', 'closed')),
  max_users int not null check (max_users between 1 and 1000),
  locked boolean not null default false,
  lobby boolean not null,
  persistent boolean not null,
  commanders text not null check (commanders in ('owner', 'members')),
  -- Of participants: each gets the next one, and of two the later comer gives way when their offers cross.
  joins int not null default 0,
  -- Rises with every change that those who keep the room in memory must know of.
  version bigint not null default 1,
  created_at bigint not null,
  -- Of the last join, leave, message, command or signal, give or take a minute.
  active_at bigint not null,
  -- Since when nobody has a seat; null while somebody has.
  empty_since bigint,
  ended_at bigint,
  check ((status = 'closed') = (ended_at is not null))
);
create unique index rooms_open on rooms (room_id) where status = 'open';
create index rooms_status on rooms (status, id desc);
create index rooms_owner on rooms (owner_id, id desc);
create index rooms_room_id on rooms (room_id, id desc);
create index rooms_empty on rooms (empty_since) where status = 'open' and not persistent and empty_since is not null;
create index rooms_idle on rooms (active_at) where status = 'open' and not persistent;
create index rooms_ended_at on rooms (ended_at) where ended_at is not null;

create table room_participants (
  id uuid primary key,
  room bigint not null references rooms,
  user_id uuid not null,
  -- Its place among all that ever joined this room.
  number int not null,
  -- `left` rows are history.
  state text not null check (state in ('waiting', 'joined', 'reconnecting', 'left')),
  -- The process and the socket that hold the seat.
  incarnation uuid,
  socket_id text,
  -- Of the client object, when it named one: the same again means that its peer connections live on.
  instance_id uuid,
  signaling text check (signaling in ('signal', 'events')),
  joined_at bigint not null,
  -- While reconnecting: since when it has been gone, and until when its seat is kept.
  gone_at bigint,
  grace_until bigint,
  left_at bigint,
  duration_seconds int,
  reason text check (reason in ('left', 'timeout', 'kicked', 'closed')),
  check ((state = 'left') = (left_at is not null)),
  check ((state = 'reconnecting') = (grace_until is not null))
);
create index room_participants_room on room_participants (room) where left_at is null;
create index room_participants_history on room_participants (room, joined_at);
create index room_participants_user on room_participants (user_id, joined_at desc);
create index room_participants_left_at on room_participants (left_at);
create index room_participants_grace on room_participants (grace_until) where grace_until is not null;
create index room_participants_holder on room_participants (incarnation, socket_id) where left_at is null;
-- By its statistics a room with a long history has many seats, and all seats of all rooms would be read instead of its few.
alter table room_participants alter column room set statistics 0;

-- Who was kicked stays out until somebody admits them, or the room ends.
create table room_bars (
  id bigint generated always as identity,
  room bigint not null references rooms,
  user_id uuid not null,
  -- The seat that they were kicked from, by which they are admitted again.
  participant_id uuid not null,
  by_user uuid not null,
  at bigint not null,
  primary key (room, user_id)
);

-- When a process that held seats was last known to live, kept when its name is taken by another or given up.
create table ended_nodes (
  incarnation uuid primary key,
  lived_until bigint not null
);

-- Whoever loses the right to command screens leaves none in rooms.
create index room_screens_added_by on room_screens (added_by);
