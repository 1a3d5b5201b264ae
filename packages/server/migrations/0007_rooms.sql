-- works-with: 0001
-- Rooms at the level of the ledger, and what screens should show (docs/decisions/0061-room-fan-out.md).
-- jit is off where sequential scans are: their price on paper makes every query worth compiling.
-- Locks: room streams in id order, then screen streams in id order. Whoever writes a row of room_screens holds its screen's stream.

-- Rises when a room is made under a closed room's id: what was granted in the room before means nothing in this one.
alter table streams add column generation int not null default 0;

-- What the navigates just accepted ask of their displays; bases and takes as of raise_streams. Rows of displays are written in order.
create function note_desired(p_streams bigint[], p_bases bigint[], p_takes int[]) returns void
language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  insert into screen_displays as shown (stream_id, display_index, desired_url, desired_at, desired_seq, desired_id)
  select distinct on (stream_id, display) stream_id, display, url, accepted_at, seq, id
  from (
    select c.stream_id, coalesce((c.payload::jsonb ->> 'displayIndex')::smallint, 0) as display, c.payload::jsonb ->> 'url' as url,
      c.accepted_at, c.seq, c.id
    from unnest(p_streams, p_bases, p_takes) as u(stream, base, take)
      join commands c on c.stream_id = u.stream and c.seq > u.base
    where u.take > 0 and c.type = 'navigate'
  ) navigates
  order by stream_id, display, seq desc
  on conflict (stream_id, display_index) do update
  set desired_url = excluded.desired_url, desired_at = excluded.desired_at, desired_seq = excluded.desired_seq,
    desired_id = excluded.desired_id
  where shown.desired_seq is null or shown.desired_seq < excluded.desired_seq;
end $$;

-- As in 0004; navigates are noted as desired besides. A batch of triggers pays for one look at its types.
create or replace function accept_commands(
  p_streams bigint[], p_counts int[], p_max_pending bigint, p_accepted_at bigint,
  p_slots int[], p_places int[], p_senders uuid[], p_ids uuid[], p_types text[], p_fingerprints bytea[], p_payloads text,
  p_expires_at bigint[], p_retries smallint[], p_notify text[],
  out bases bigint[], out takes int[], out epoch text
) language plpgsql volatile as $$
begin
  select r.bases, r.takes into bases, takes from raise_streams(p_streams, p_counts, p_max_pending) r;
  insert into commands
    (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, retries, notify)
  select p_streams[u.slot], bases[u.slot] + u.place, u.sender, u.id, u.type, u.fingerprint, u.payload, p_accepted_at,
    u.expires_at, u.retries, u.notify
  from unnest(p_slots, p_places, p_senders, p_ids, p_types, p_fingerprints, string_to_array(p_payloads, E'\n'),
      p_expires_at, p_retries, p_notify)
    as u(slot, place, sender, id, type, fingerprint, payload, expires_at, retries, notify)
  where u.place <= takes[u.slot];
  if 'navigate' = any(p_types) then
    perform note_desired(p_streams, bases, takes);
  end if;
  epoch := current_epoch();
end $$;

-- As in 0004, and the same besides.
create or replace function accept_commands_checked(
  p_streams bigint[], p_max_pending bigint, p_accepted_at bigint,
  p_slots int[], p_senders uuid[], p_ids uuid[], p_types text[], p_fingerprints bytea[], p_payloads text,
  p_expires_at bigint[], p_retries smallint[], p_notify text[],
  out bases bigint[], out takes int[], out epoch text, out places int[], out known jsonb
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  counts int[] := array_fill(0, array[cardinality(p_streams)]);
  known_rows int[];
begin
  perform 1 from streams where id = any(p_streams) order by id for no key update;
  select array_agg(u.row::int), jsonb_agg(jsonb_build_object('row', u.row, 'stream', s.kind || ':' || s.name, 'seq', c.seq,
      'acceptedAt', c.accepted_at, 'fingerprint', encode(c.fingerprint, 'hex')))
  into known_rows, known
  from unnest(p_senders, p_ids) with ordinality as u(sender, id, row)
    join commands c on c.sender_id = u.sender and c.id = u.id
    join streams s on s.id = c.stream_id;
  places := array_fill(0, array[cardinality(p_slots)]);
  for i in 1 .. cardinality(p_slots) loop
    if known_rows is null or not i = any(known_rows) then
      counts[p_slots[i]] := counts[p_slots[i]] + 1;
      places[i] := counts[p_slots[i]];
    end if;
  end loop;
  select r.bases, r.takes into bases, takes from raise_streams(p_streams, counts, p_max_pending) r;
  insert into commands
    (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, retries, notify)
  select p_streams[u.slot], bases[u.slot] + u.place, u.sender, u.id, u.type, u.fingerprint, u.payload, p_accepted_at,
    u.expires_at, u.retries, u.notify
  from unnest(p_slots, places, p_senders, p_ids, p_types, p_fingerprints, string_to_array(p_payloads, E'\n'),
      p_expires_at, p_retries, p_notify)
    as u(slot, place, sender, id, type, fingerprint, payload, expires_at, retries, notify)
  where u.place between 1 and takes[u.slot];
  if 'navigate' = any(p_types) then
    perform note_desired(p_streams, bases, takes);
  end if;
  known := coalesce(known, '[]');
  epoch := current_epoch();
end $$;

-- Ends a room's stream: it takes and shows nothing more, and no screen belongs to it. False when it was closed already.
create function close_room(p_room bigint, p_generation int, p_at bigint) returns boolean
language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  update streams set deleted_at = p_at
  where id = p_room and kind = 'room' and generation = p_generation and deleted_at is null;
  if not found then return false; end if;
  perform 1 from streams
  where id = any(array(select screen_stream_id from room_screens where room_stream_id = p_room)) order by id for no key update;
  delete from room_screens where room_stream_id = p_room;
  return true;
end $$;

-- 'added', 'member' when it was one, 'full', 'room-closed' or 'screen-gone'.
create function add_room_screen(p_room bigint, p_generation int, p_screen bigint, p_by uuid, p_at bigint, p_limit int) returns text
language plpgsql volatile set jit = off set enable_seqscan = off as $$
begin
  perform 1 from streams
  where id = p_room and kind = 'room' and generation = p_generation and deleted_at is null for no key update;
  if not found then return 'room-closed'; end if;
  perform 1 from streams where id = p_screen and kind = 'screen' and deleted_at is null for no key update;
  if not found then return 'screen-gone'; end if;
  if exists (select from room_screens where room_stream_id = p_room and screen_stream_id = p_screen) then return 'member'; end if;
  if (select count(*) from room_screens where room_stream_id = p_room) >= p_limit then return 'full'; end if;
  insert into room_screens (room_stream_id, screen_stream_id, added_by, added_at) values (p_room, p_screen, p_by, p_at);
  return 'added';
end $$;

-- False when it was no member.
create function remove_room_screen(p_room bigint, p_screen bigint) returns boolean
language plpgsql volatile set jit = off set enable_seqscan = off as $$
begin
  perform 1 from streams where id = p_room for no key update;
  perform 1 from streams where id = p_screen for no key update;
  delete from room_screens where room_stream_id = p_room and screen_stream_id = p_screen;
  return found;
end $$;

-- Accepts a batch of room commands, known (sender, id) pairs looked up under the locks: they are answered from their rows, so that
-- sequences have no holes. 23505 still comes when the same pair is on its way to a stream that is not locked here: the caller calls
-- again.
-- Rows come sorted by room; slots[i] says which of p_rooms; a room of another generation is another slot. bases[slot]: -1 where the
-- room is closed. places[row]: its place among the new ones of its room, 0 for a known one. A trigger or navigate also becomes an
-- entry by reference of each member screen: e_rows, e_screens, e_seqs, in the order of the inboxes. e_dead: that inbox is full, and
-- the entry ended at once as dead{overflow}, with a letter and, if p_hooks, its event. known: [{row, stream, seq, acceptedAt, fingerprint, members: [[screen, seq, ended]]}].
create function accept_room_commands(
  p_rooms bigint[], p_generations int[], p_max_pending bigint, p_hooks boolean, p_accepted_at bigint,
  p_slots int[], p_senders uuid[], p_ids uuid[], p_types text[], p_fingerprints bytea[], p_payloads text,
  p_expires_at bigint[], p_retries smallint[], p_notify text[],
  out bases bigint[], out places int[], out known jsonb, out epoch text,
  out e_rows int[], out e_screens text[], out e_seqs bigint[], out e_dead boolean[]
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  fan_rooms bigint[];
  members bigint[];
  known_rows int[];
  counts int[] := array_fill(0, array[cardinality(p_rooms)]);
  payloads text[] := string_to_array(p_payloads, E'\n');
  e_streams bigint[];
  e_rooms bigint[];
  e_room_seqs bigint[];
  top bigint;
begin
  perform 1 from streams where id = any(p_rooms) order by id for no key update;
  select array_agg(distinct p_rooms[u.slot]) into fan_rooms
  from unnest(p_slots, p_types) as u(slot, type) where u.type <> 'message';
  if fan_rooms is not null then
    select array_agg(distinct m.screen_stream_id) into members from room_screens m where m.room_stream_id = any(fan_rooms);
    perform 1 from streams where id = any(members) order by id for no key update;
  end if;

  select array_agg(u.row::int), jsonb_agg(jsonb_build_object('row', u.row, 'stream', s.kind || ':' || s.name, 'seq', c.seq,
      'acceptedAt', c.accepted_at, 'fingerprint', encode(c.fingerprint, 'hex'), 'members', (
        select coalesce(jsonb_agg(jsonb_build_array(t.name, r.seq, d.seq is not null) order by r.stream_id), '[]')
        from inbox_references r
          join streams t on t.id = r.stream_id
          left join deliveries d on d.stream_id = r.stream_id and d.seq = r.seq
        where r.room_stream_id = c.stream_id and r.room_seq = c.seq)))
  into known_rows, known
  from unnest(p_senders, p_ids) with ordinality as u(sender, id, row)
    join commands c on c.sender_id = u.sender and c.id = u.id
    join streams s on s.id = c.stream_id;
  known := coalesce(known, '[]');
  places := array_fill(0, array[cardinality(p_slots)]);
  for i in 1 .. cardinality(p_slots) loop
    if known_rows is null or not i = any(known_rows) then
      counts[p_slots[i]] := counts[p_slots[i]] + 1;
      places[i] := counts[p_slots[i]];
    end if;
  end loop;

  bases := array_fill(-1::bigint, array[cardinality(p_rooms)]);
  for i in 1 .. cardinality(p_rooms) loop
    update streams set last_seq = last_seq + counts[i]
    where id = p_rooms[i] and kind = 'room' and generation = p_generations[i] and deleted_at is null
    returning last_seq into top;
    if found then bases[i] := top - counts[i]; end if;
  end loop;
  insert into commands
    (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, retries, notify)
  select p_rooms[u.slot], bases[u.slot] + u.place, u.sender, u.id, u.type, u.fingerprint, u.payload, p_accepted_at,
    u.expires_at, u.retries, u.notify
  from unnest(p_slots, places, p_senders, p_ids, p_types, p_fingerprints, payloads, p_expires_at, p_retries, p_notify)
    as u(slot, place, sender, id, type, fingerprint, payload, expires_at, retries, notify)
  where u.place > 0 and bases[u.slot] >= 0;
  epoch := current_epoch();
  e_rows := '{}';
  e_screens := '{}';
  e_seqs := '{}';
  e_dead := '{}';
  if members is null then return; end if;

  select array_agg(e.row), array_agg(e.name), array_agg(e.stream_id), array_agg(e.seq), array_agg(e.room), array_agg(e.room_seq),
    array_agg(e.seq - e.acked_seq > p_max_pending)
  into e_rows, e_screens, e_streams, e_seqs, e_rooms, e_room_seqs, e_dead
  from (
    select n.row, n.room, n.room_seq, s.id as stream_id, s.name, h.acked_seq,
      s.last_seq + row_number() over (partition by s.id order by n.row) as seq
    from (
      select u.row::int, p_rooms[u.slot] as room, bases[u.slot] + u.place as room_seq
      from unnest(p_slots, places, p_types) with ordinality as u(slot, place, type, row)
      where u.type <> 'message' and u.place > 0 and bases[u.slot] >= 0
    ) n
      join room_screens m on m.room_stream_id = n.room
      -- A screen that was deleted while its lock was waited for is a member no more.
      join streams s on s.id = m.screen_stream_id and s.deleted_at is null
      join screen_sessions h on h.stream_id = s.id
    order by s.id, seq
  ) e;
  if e_rows is null then
    e_rows := '{}';
    e_screens := '{}';
    e_seqs := '{}';
    e_dead := '{}';
    return;
  end if;
  insert into inbox_references (stream_id, seq, room_stream_id, room_seq)
  select * from unnest(e_streams, e_seqs, e_rooms, e_room_seqs);
  update streams s set last_seq = n.top
  from (select u.stream, max(u.seq) as top from unnest(e_streams, e_seqs) as u(stream, seq) group by u.stream) n
  where s.id = n.stream;

  if true = any(e_dead) then
    perform record_outcomes(p_accepted_at, p_hooks, array_agg(u.stream), array_agg(u.seq), array_agg('dead'::text), array_agg(0),
      array_agg(null::text), array_agg('overflow'::text))
    from unnest(e_streams, e_seqs, e_dead) as u(stream, seq, dead) where u.dead;
  end if;

  -- Also of those that are dead: what a screen should show does not depend on whether it has learnt of it.
  if 'navigate' = any(p_types) then
    insert into screen_displays as shown (stream_id, display_index, desired_url, desired_at, desired_seq, desired_id)
    select distinct on (stream, display) stream, display, url, p_accepted_at, seq, id
    from (
      select u.stream, coalesce((payloads[u.row]::jsonb ->> 'displayIndex')::smallint, 0) as display,
        payloads[u.row]::jsonb ->> 'url' as url, u.seq, p_ids[u.row] as id
      from unnest(e_streams, e_seqs, e_rows) as u(stream, seq, row)
      where p_types[u.row] = 'navigate'
    ) navigates
    order by stream, display, seq desc
    on conflict (stream_id, display_index) do update
    set desired_url = excluded.desired_url, desired_at = excluded.desired_at, desired_seq = excluded.desired_seq,
      desired_id = excluded.desired_id
    where shown.desired_seq is null or shown.desired_seq < excluded.desired_seq;
  end if;
end $$;

-- As in 0004, with what came to the screen by its rooms.
create or replace function cancel_inbox(p_stream bigint, p_at bigint) returns table (id uuid, sender_id uuid, notify text, attempts int)
language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  top bigint;
  settled bigint;
begin
  update streams set deleted_at = p_at where streams.id = p_stream and deleted_at is null returning last_seq into top;
  if not found then return; end if;
  select h.acked_seq into settled from screen_sessions h where h.stream_id = p_stream for no key update;
  update screen_sessions h set acked_seq = top, fence = h.fence + 1, node = null, incarnation = null, instance_id = null
  where h.stream_id = p_stream;
  return query
  with cancelled as (
    insert into deliveries (stream_id, seq, status, attempts, at)
    select c.stream_id, c.seq, 'cancelled', coalesce(a.n + a.lost, 0), p_at
    from inbox_entries c left join attempts a on a.stream_id = c.stream_id and a.seq = c.seq
    where c.stream_id = p_stream and c.seq > settled
    on conflict do nothing
    returning seq, attempts
  )
  select c.id, c.sender_id, c.notify, d.attempts::int
  from cancelled d join inbox_entries c on c.stream_id = p_stream and c.seq = d.seq
  where c.notify <> 'none'
  order by c.seq;
  delete from attempts a where a.stream_id = p_stream;
end $$;

-- A page of a room's stream after p_after, and where the stream begins and ends at the same moment. One row without an entry when
-- there is nothing after p_after; none when that room is closed.
create function read_room(p_room bigint, p_generation int, p_after bigint, p_limit int) returns table (
  last_seq bigint, floor_seq bigint, epoch text,
  seq bigint, sender_id uuid, id uuid, type text, payload text, accepted_at bigint
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  present text := current_epoch();
begin
  return query
  select s.last_seq, s.floor_seq, present, c.seq, c.sender_id, c.id, c.type, c.payload, c.accepted_at
  from streams s
    left join lateral (
      select * from commands e where e.stream_id = s.id and e.seq > greatest(p_after, s.floor_seq) order by e.seq limit p_limit
    ) c on true
  where s.id = p_room and s.generation = p_generation and s.deleted_at is null
  order by c.seq;
end $$;

-- Where rooms end; closed ones are missing.
create function read_room_heads(p_rooms bigint[]) returns table (stream_id bigint, generation int, last_seq bigint, epoch text)
language plpgsql volatile set jit = off set enable_seqscan = off as $$
declare
  present text := current_epoch();
begin
  return query
  select s.id, s.generation, s.last_seq, present from streams s where s.id = any(p_rooms) and s.deleted_at is null;
end $$;
