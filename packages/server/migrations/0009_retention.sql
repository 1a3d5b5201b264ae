-- works-with: 0001
-- What nobody may ask for any more goes (docs/decisions/0065-retention.md). Each call is one short statement. None waits for a row,
-- and none but raise_floors, which skips what is locked, locks a row that accepting or delivering wants.

-- By its index: under `enable_seqscan = off` a plan without one costs 10^10, and PostgreSQL before 18 compiles what costs so much,
-- for some 26 ms a call (docs/decisions/0034).
create or replace function current_epoch() returns text language sql volatile as $$
  select epoch::text || '-' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) from meta where only_row
$$;

-- Both read every screen there is for a batch of some, once the tables are analysed.
alter function take_fences(text[], uuid[], bigint[], text, uuid) set enable_hashjoin = off;
alter function take_fences(text[], uuid[], bigint[], text, uuid) set enable_mergejoin = off;
alter function read_heads(bigint[]) set enable_hashjoin = off;
alter function read_heads(bigint[]) set enable_mergejoin = off;

-- How far the floors of inboxes may rise: the entries from there on, none missing, that ended at p_until or before, and no further
-- than acked_seq. Looks at p_rows of each inbox; `more`: all of them may go, so there may be more.
create function inbox_floors(p_streams bigint[], p_rows int, p_until bigint)
returns table (stream_id bigint, floor bigint, more boolean)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
  select s.id, max(e.seq), count(*) = p_rows
  from unnest(p_streams) as u(id)
    join streams s on s.id = u.id and s.kind = 'screen'
    join screen_sessions h on h.stream_id = s.id
    cross join lateral (
      select n.seq, bool_and(n.at <= p_until and n.seq = s.floor_seq + n.place) over (order by n.seq) as over
      from (
        select d.seq, d.at, row_number() over (order by d.seq) as place
        from deliveries d where d.stream_id = s.id and d.seq > s.floor_seq and d.seq <= h.acked_seq order by d.seq limit p_rows
      ) n
    ) e
  where e.over
  group by s.id;
end $$;

-- The same for the history of rooms: what was accepted at p_until or before, and all but the newest p_keep.
create function room_floors(p_streams bigint[], p_rows int, p_until bigint, p_keep bigint)
returns table (stream_id bigint, floor bigint, more boolean)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
  select s.id, greatest(s.last_seq - p_keep, s.floor_seq, aged.seq), coalesce(aged.n = p_rows, false)
  from unnest(p_streams) as u(id) join streams s on s.id = u.id and s.kind = 'room'
    cross join lateral (
      select max(e.seq) as seq, count(*) as n
      from (
        select n.seq, bool_and(n.accepted_at <= p_until) over (order by n.seq) as over
        from (
          select c.seq, c.accepted_at from commands c
          where c.stream_id = s.id and c.seq > greatest(s.floor_seq, s.last_seq - p_keep) order by c.seq limit p_rows
        ) n
      ) e
      where e.over
    ) aged
  where greatest(s.last_seq - p_keep, aged.seq) > s.floor_seq;
end $$;

-- Answers the streams whose floor rose. Whoever accepts or deletes holds the row and is not waited for: the next run comes. It is not
-- flushed, so that nobody waits for the disk: what is removed later is logged after it.
create function raise_floors(p_streams bigint[], p_floors bigint[]) returns setof bigint
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  return query
  with unused as (
    select s.id from streams s where s.id = any(p_streams) order by s.id for no key update skip locked
  )
  update streams s set floor_seq = u.floor
  from unused join unnest(p_streams, p_floors) as u(id, floor) on u.id = unused.id
  where s.id = unused.id and s.floor_seq < u.floor
  returning s.id;
end $$;

-- Removes commands below the floors of inboxes with their outcomes, at most p_rows. That each has ended at p_until or before was
-- known when the floor rose; it is compared again, since nothing is worse than to remove what is pending.
create function prune_inboxes(p_streams bigint[], p_rows int, p_until bigint, out commands int, out deliveries int)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  with doomed as materialized (
    select e.stream_id, e.seq
    from unnest(p_streams) as u(id) join streams s on s.id = u.id and s.kind = 'screen'
      cross join lateral (
        select c.stream_id, c.seq
        from commands c join deliveries d on d.stream_id = c.stream_id and d.seq = c.seq and d.at <= p_until
        where c.stream_id = s.id and c.seq <= s.floor_seq order by c.seq limit p_rows
      ) e
    limit p_rows
  ), gone as (
    delete from commands c using doomed where c.stream_id = doomed.stream_id and c.seq = doomed.seq returning 1
  ), outcomes as (
    delete from deliveries d using doomed where d.stream_id = doomed.stream_id and d.seq = doomed.seq returning 1
  )
  select (select count(*) from gone), (select count(*) from outcomes) into commands, deliveries;
end $$;

-- Removes the entries that rooms made in inboxes, with their outcomes: all those of one room command together, once each lies below
-- the floor of its inbox, so that nobody sees half of them. Ends with the command that makes it p_rows.
create function prune_references(p_rooms bigint[], p_rows int, out "references" int, out deliveries int)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  room bigint;
  at_seq bigint;
  gone_now int;
  ended_now int;
begin
  "references" := 0;
  deliveries := 0;
  foreach room in array p_rooms loop
    at_seq := 0;
    while "references" < p_rows loop
      select min(r.room_seq) into at_seq from inbox_references r where r.room_stream_id = room and r.room_seq > at_seq;
      exit when at_seq is null or exists (
        select from inbox_references r join streams s on s.id = r.stream_id
        where r.room_stream_id = room and r.room_seq = at_seq and r.seq > s.floor_seq
      );
      with gone as (
        delete from inbox_references r where r.room_stream_id = room and r.room_seq = at_seq returning r.stream_id, r.seq
      ), outcomes as (
        delete from deliveries d using gone where d.stream_id = gone.stream_id and d.seq = gone.seq returning 1
      )
      select (select count(*) from gone), (select count(*) from outcomes) into gone_now, ended_now;
      "references" := "references" + gone_now;
      deliveries := deliveries + ended_now;
    end loop;
  end loop;
end $$;

-- Removes what rooms hold below their floors and was accepted at p_until or before, as far as no inbox refers to it.
create function prune_rooms(p_streams bigint[], p_rows int, p_until bigint, out commands int)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  with doomed as materialized (
    select e.stream_id, e.seq
    from unnest(p_streams) as u(id) join streams s on s.id = u.id and s.kind = 'room'
      cross join lateral (
        select n.stream_id, n.seq, bool_and(n.accepted_at <= p_until and not exists (
            select from inbox_references r where r.room_stream_id = n.stream_id and r.room_seq = n.seq
          )) over (order by n.seq) as over
        from (
          select c.stream_id, c.seq, c.accepted_at from commands c
          where c.stream_id = s.id and c.seq <= s.floor_seq order by c.seq limit p_rows
        ) n
      ) e
    where e.over
    limit p_rows
  ), gone as (
    delete from commands c using doomed where c.stream_id = doomed.stream_id and c.seq = doomed.seq returning 1
  )
  select count(*) from gone into commands;
end $$;
