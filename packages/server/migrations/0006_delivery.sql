-- works-with: 0001
-- What becomes of entries: retries, dead letters, cancellation, screens that are away (docs/delivery.md, decisions/0060).
-- Hash and merge joins are off where a few rows are looked up by key: on tables that change with each receipt they read all versions
-- of all rows.
-- jit is off: a table without an index, such as meta, can only be read by a scan, which enable_seqscan = off makes so dear on paper
-- that its query is compiled at each call. That took longer than all the rest of a batch of receipts.
alter function current_epoch() set jit = off;
alter function current_epoch() set enable_seqscan = on;
alter function raise_streams(bigint[], int[], bigint) set jit = off;
alter function accept_commands_checked(bigint[], bigint, bigint, int[], uuid[], uuid[], text[], bytea[], text, bigint[], smallint[],
  text[]) set jit = off;
alter function read_heads(bigint[]) set jit = off;
alter function cancel_inbox(bigint, bigint) set jit = off;

-- What a screen must execute: commands of its own, and those of rooms by reference, under the numbers of its inbox.
create view inbox_entries as
select c.stream_id, c.seq, c.sender_id, c.id, c.type, c.payload, c.accepted_at, c.expires_at, c.retries, c.notify, c.requeue_of
from commands c
union all
select r.stream_id, r.seq, c.sender_id, c.id, c.type, c.payload, c.accepted_at, c.expires_at, c.retries, c.notify, c.requeue_of
from inbox_references r join commands c on c.stream_id = r.room_stream_id and c.seq = r.room_seq;

-- Up to where everything has ended, looked for from p_from on.
create function terminal_prefix(p_stream bigint, p_from bigint) returns bigint
language sql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
  select coalesce(
    (
      select e.seq - 1 from inbox_entries e
      where e.stream_id = p_stream and e.seq > p_from
        and not exists (select from deliveries d where d.stream_id = e.stream_id and d.seq = e.seq)
      order by e.seq limit 1
    ),
    (select s.last_seq from streams s where s.id = p_stream)
  )
$$;

-- Writes terminal outcomes for callers that hold the session rows; a null stream is left out, and what had ended stays as it was.
-- dead: with a letter, a copy of the command. cancelled: what the display should show goes back to the newest earlier navigate that
-- was not cancelled, as far as 10,000 entries back. p_hooks: with one event each for COMMAND_HOOK_URL.
create function record_outcomes(
  p_at bigint, p_hooks boolean,
  d_streams bigint[], d_seqs bigint[], d_statuses text[], d_attempts int[], d_errors text[], d_reasons text[]
) returns void language plpgsql volatile
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  if p_hooks then
    with fresh as (
      insert into deliveries (stream_id, seq, status, attempts, at, error, reason)
      select u.stream_id, u.seq, u.status, u.attempts, p_at, u.error, u.reason
      from unnest(d_streams, d_seqs, d_statuses, d_attempts, d_errors, d_reasons)
        as u(stream_id, seq, status, attempts, error, reason)
      where u.stream_id is not null
      on conflict do nothing
      returning stream_id, seq, status, attempts, error, reason
    ), events as materialized (
      select gen_random_uuid() as id, f.* from fresh f where f.status in ('executed', 'dead')
    )
    insert into hook_outbox (id, body, kind, at, next_at)
    select v.id,
      json_build_object('event', json_strip_nulls(json_build_object('id', v.id, 'type', v.status, 'commandId', c.id,
        'commandType', c.type, 'screenId', s.name, 'senderId', c.sender_id, 'attempts', v.attempts, 'at', p_at,
        'reason', v.reason, 'error', v.error)))::text,
      v.status, p_at, p_at
    from events v
      join streams s on s.id = v.stream_id
      join inbox_entries c on c.stream_id = v.stream_id and c.seq = v.seq;
  else
    insert into deliveries (stream_id, seq, status, attempts, at, error, reason)
    select u.stream_id, u.seq, u.status, u.attempts, p_at, u.error, u.reason
    from unnest(d_streams, d_seqs, d_statuses, d_attempts, d_errors, d_reasons)
      as u(stream_id, seq, status, attempts, error, reason)
    where u.stream_id is not null
    on conflict do nothing;
  end if;
  delete from attempts a using unnest(d_streams, d_seqs) as u(stream_id, seq)
  where a.stream_id = u.stream_id and a.seq = u.seq;
  if 'dead' = any(d_statuses) then
    insert into dead_letters
      (id, screen_id, stream_id, seq, command_id, sender_id, type, payload, reason, error, attempts, at, first_id)
    select gen_random_uuid(), s.name, d.stream_id, d.seq, c.id, c.sender_id, c.type, c.payload, d.reason, d.error, d.attempts, d.at,
      coalesce(c.requeue_of, c.id)
    from unnest(d_streams, d_seqs, d_statuses) as u(stream_id, seq, status)
      join deliveries d on d.stream_id = u.stream_id and d.seq = u.seq and d.status = 'dead'
      join streams s on s.id = d.stream_id
      join inbox_entries c on c.stream_id = d.stream_id and c.seq = d.seq
    where u.status = 'dead'
    on conflict do nothing;
  end if;
  if 'cancelled' = any(d_statuses) then
    -- Rows of displays are written in order everywhere; an update has none of its own.
    perform 1
    from unnest(d_streams, d_seqs, d_statuses) as u(stream_id, seq, status)
      join screen_displays w on w.stream_id = u.stream_id and w.desired_seq = u.seq
    where u.status = 'cancelled'
    order by w.stream_id, w.display_index for no key update of w;
    update screen_displays v
    set desired_url = b.url, desired_at = b.accepted_at, desired_seq = b.seq, desired_id = b.id
    from (
      select w.stream_id, w.display_index, w.desired_seq as gone, e.seq, e.id, e.accepted_at, e.url
      from unnest(d_streams, d_seqs, d_statuses) as u(stream_id, seq, status)
        join screen_displays w on w.stream_id = u.stream_id and w.desired_seq = u.seq
        left join lateral (
          select c.seq, c.id, c.accepted_at, c.payload::json ->> 'url' as url
          from inbox_entries c left join deliveries d on d.stream_id = c.stream_id and d.seq = c.seq
          where c.stream_id = u.stream_id and c.seq < u.seq and c.seq >= u.seq - 10000 and c.type = 'navigate'
            and coalesce((c.payload::json ->> 'displayIndex')::int, 0) = w.display_index
            and d.status is distinct from 'cancelled'
          order by c.seq desc limit 1
        ) e on true
      where u.status = 'cancelled'
    ) b
    where v.stream_id = b.stream_id and v.display_index = b.display_index and v.desired_seq = b.gone;
  end if;
end $$;

-- Writes what became of entries, for the holders of the fences, and answers the screens whose fence is another by now: for those
-- nothing was written. In another epoch the numbers may mean other entries: then a screen is released at most. slots count from 1
-- in p_screens. acked: all entries up to it are terminal. A release leaves the screen to whoever comes. d: ended. f: tried and still
-- pending. r: shown now, by an executed navigate. Repeating a call changes nothing.
create function settle_inboxes(
  p_screens text[], p_fences bigint[], p_epochs text[], p_acked bigint[], p_releases boolean[], p_at bigint, p_hooks boolean,
  d_slots int[], d_seqs bigint[], d_statuses text[], d_attempts int[], d_errors text[], d_reasons text[],
  f_slots int[], f_seqs bigint[], f_failed int[], f_lost int[], f_next_at bigint[], f_errors text[],
  r_slots int[], r_displays int[], r_urls text[], r_at bigint[]
) returns table (slot int, fence bigint, instance_id uuid)
language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  held bigint[];
  streams_of_d bigint[];
  present text := current_epoch();
begin
  perform 1 from screen_sessions where screen_id = any(p_screens) order by screen_id for no key update;
  select array_agg(case when u.epoch = present then h.stream_id end order by u.slot) into held
  from unnest(p_screens, p_fences, p_epochs) with ordinality as u(screen_id, fence, epoch, slot)
    left join screen_sessions h on h.screen_id = u.screen_id and h.fence = u.fence;
  update screen_sessions h
  set acked_seq = case when u.epoch = present then greatest(h.acked_seq, u.acked) else h.acked_seq end,
    node = case when u.release then null else h.node end,
    incarnation = case when u.release then null else h.incarnation end,
    instance_id = case when u.release then null else h.instance_id end
  from unnest(p_screens, p_fences, p_epochs, p_acked, p_releases) as u(screen_id, fence, epoch, acked, release)
  where h.screen_id = u.screen_id and h.fence = u.fence and (u.release or u.acked > h.acked_seq);
  if cardinality(f_slots) > 0 then
    insert into attempts as a (stream_id, seq, n, lost, next_at, last_error)
    select held[f.slot], f.seq, f.failed, f.lost, f.next_at, f.error
    from unnest(f_slots, f_seqs, f_failed, f_lost, f_next_at, f_errors) as f(slot, seq, failed, lost, next_at, error)
    where held[f.slot] is not null
    on conflict (stream_id, seq) do update
    set n = greatest(a.n, excluded.n), lost = greatest(a.lost, excluded.lost),
      next_at = coalesce(excluded.next_at, a.next_at), last_error = coalesce(excluded.last_error, a.last_error);
  end if;
  if cardinality(r_slots) > 0 and 'cancelled' = any(d_statuses) then
    -- Both write rows of displays, one after the other.
    perform 1 from screen_displays v where v.stream_id = any(held) order by v.stream_id, v.display_index for no key update;
  end if;
  if cardinality(d_slots) > 0 then
    select array_agg(held[u.slot] order by u.place) into streams_of_d
    from unnest(d_slots) with ordinality as u(slot, place);
    perform record_outcomes(p_at, p_hooks, streams_of_d, d_seqs, d_statuses, d_attempts, d_errors, d_reasons);
  end if;
  if cardinality(r_slots) > 0 then
    insert into screen_displays as v (stream_id, display_index, reported_url, reported_at)
    select distinct on (held[r.slot], r.display) held[r.slot], r.display, r.url, r.at
    from unnest(r_slots, r_displays, r_urls, r_at) with ordinality as r(slot, display, url, at, place)
    where held[r.slot] is not null
    order by held[r.slot], r.display, r.at desc, r.place desc
    on conflict (stream_id, display_index) do update
    set reported_url = excluded.reported_url, reported_at = excluded.reported_at
    where v.reported_at is null or v.reported_at <= excluded.reported_at;
  end if;
  if array_position(held, null) is null then return; end if;
  return query
  select u.slot::int, h.fence, h.instance_id
  from unnest(p_screens, held) with ordinality as u(screen_id, stream_id, slot)
    left join screen_sessions h on h.screen_id = u.screen_id
  where u.stream_id is null;
end $$;

-- The next entries of several inboxes, of each at most its limit, and no more once its bytes of payload are reached.
-- settled: terminal before its turn came.
create function read_entries(p_streams bigint[], p_after bigint[], p_limits int[], p_bytes int[]) returns table (
  stream_id bigint, seq bigint, sender_id uuid, id uuid, type text, payload text, accepted_at bigint, expires_at bigint,
  retries smallint, notify text, requeue_of uuid, settled boolean, failed smallint, lost smallint, next_at bigint, last_error text,
  epoch text
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  present text := current_epoch();
begin
  return query
  select c.stream_id, c.seq, c.sender_id, c.id, c.type, c.payload, c.accepted_at, c.expires_at, c.retries, c.notify, c.requeue_of,
    d.seq is not null, coalesce(a.n, 0::smallint), coalesce(a.lost, 0::smallint), a.next_at, a.last_error, present
  from unnest(p_streams, p_after, p_limits, p_bytes) as u(stream_id, after, most, bytes)
    cross join lateral (
      select e.*, sum(octet_length(e.payload)) over (order by e.seq rows unbounded preceding) - octet_length(e.payload) as before
      from (
        select i.* from inbox_entries i where i.stream_id = u.stream_id and i.seq > u.after order by i.seq limit u.most
      ) e
    ) c
    left join deliveries d on d.stream_id = c.stream_id and d.seq = c.seq
    left join attempts a on a.stream_id = c.stream_id and a.seq = c.seq
  where c.before < u.bytes
  order by c.stream_id, c.seq;
end $$;

-- True when no living process may write for the screen: its row names none, or one whose lease is over.
create function is_away(p_node text, p_incarnation uuid, p_at bigint) returns boolean
language plpgsql volatile as $$
begin
  return p_node is null or not exists (
    select from nodes n where n.name = p_node and n.incarnation = p_incarnation and n.lease_until > p_at
  );
end $$;

-- The last connection wins, except over one that opened later and still holds: a process whose lease was over when this one opened
-- holds nothing, nor does a dead process of this node, which may have had another idea of the time. One row a screen that exists.
-- holder_instance: whose it was before, or, when not taken, whose it is.
create or replace function take_fences(
  p_screens text[], p_instances uuid[], p_connected_at bigint[], p_node text, p_incarnation uuid
) returns table (
  screen_id text, taken boolean, deleted boolean, stream_id bigint, fence bigint, acked_seq bigint, last_seq bigint,
  holder_instance uuid, epoch text
) language plpgsql volatile set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform 1 from screen_sessions where screen_id = any(p_screens) order by screen_id for no key update;
  return query
  with asked as (
    select u.screen_id, u.instance_id, u.connected_at, s.id as stream_id, s.last_seq, s.deleted_at,
      h.fence, h.acked_seq, h.instance_id as holder_instance
    from unnest(p_screens, p_instances, p_connected_at) as u(screen_id, instance_id, connected_at)
      join screen_sessions h on h.screen_id = u.screen_id
      join streams s on s.id = h.stream_id
  ), won as (
    update screen_sessions h
    set fence = h.fence + 1, node = p_node, incarnation = p_incarnation, instance_id = asked.instance_id,
      connected_at = asked.connected_at
    from asked
    where h.screen_id = asked.screen_id and asked.deleted_at is null
      and case
        when h.node is null or h.connected_at <= asked.connected_at then true
        when h.node = p_node and h.incarnation <> p_incarnation then true
        else is_away(h.node, h.incarnation, asked.connected_at)
      end
    returning h.screen_id, h.fence
  )
  select a.screen_id, w.screen_id is not null, a.deleted_at is not null, a.stream_id, coalesce(w.fence, a.fence), a.acked_seq,
    a.last_seq, a.holder_instance, current_epoch()
  from asked a left join won w on w.screen_id = a.screen_id;
end $$;

-- Cancels one entry of a screen that nobody holds, or that the asking process holds without a connection of it: one that opened after
-- p_at came while this call was on its way.
-- outcome: cancelled, ended (it had, or there is no such entry), elsewhere (a living process holds the screen).
create function cancel_entry(p_screen text, p_seq bigint, p_at bigint, p_incarnation uuid) returns table (
  outcome text, id uuid, sender_id uuid, notify text, attempts int
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  held record;
  entry record;
begin
  select h.stream_id, h.node, h.incarnation, h.acked_seq, h.incarnation = p_incarnation and h.connected_at < p_at as is_own
  into held
  from screen_sessions h where h.screen_id = p_screen for no key update;
  select c.id, c.sender_id, c.notify, coalesce(a.n + a.lost, 0) as attempts into entry
  from inbox_entries c left join attempts a on a.stream_id = c.stream_id and a.seq = c.seq
  where c.stream_id = held.stream_id and c.seq = p_seq
    and not exists (select from deliveries d where d.stream_id = c.stream_id and d.seq = c.seq);
  if entry.id is null then
    return query select 'ended', null::uuid, null::uuid, null::text, 0;
    return;
  end if;
  if held.is_own is not true and not is_away(held.node, held.incarnation, p_at) then
    return query select 'elsewhere', null::uuid, null::uuid, null::text, 0;
    return;
  end if;
  perform record_outcomes(p_at, false, array[held.stream_id], array[p_seq], array['cancelled'], array[entry.attempts],
    array[null::text], array[null::text]);
  update screen_sessions h
  set fence = h.fence + 1, node = null, incarnation = null, instance_id = null,
    acked_seq = greatest(h.acked_seq, terminal_prefix(h.stream_id, h.acked_seq))
  where h.screen_id = p_screen;
  return query select 'cancelled', entry.id, entry.sender_id, entry.notify, entry.attempts;
end $$;

-- Decides for screens that are away what has ended by itself: lost, expired, superseded. Of each inbox it looks at p_limit entries
-- after p_after. One row an outcome, and one row a screen with seq null: walked is where the look ended (null: held by a living
-- process), more whether entries follow, next_at when the first of the looked-at ones expires.
-- p_incarnation: of this process, which has no connection of those screens. A row may still name it, when the answer that gave it
-- the screen was lost or the release could not be written: it is left to whoever comes. A connection that opened after p_at came
-- while this call was on its way, and holds.
create function sweep_inboxes(
  p_screens text[], p_after bigint[], p_limit int, p_at bigint, p_hooks boolean, p_incarnation uuid
) returns table (
  screen_id text, seq bigint, id uuid, sender_id uuid, notify text, status text, reason text, attempts int,
  walked bigint, more boolean, next_at bigint
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  away record;
  page record;
begin
  perform 1 from screen_sessions where screen_id = any(p_screens) order by screen_id for no key update;
  update screen_sessions set node = null, incarnation = null, instance_id = null
  where screen_id = any(p_screens) and incarnation = p_incarnation and connected_at < p_at;
  for away in
    select h.screen_id, h.stream_id, h.acked_seq, greatest(h.acked_seq, u.after) as after,
      not is_away(h.node, h.incarnation, p_at) as is_held
    from unnest(p_screens, p_after) as u(screen_id, after) join screen_sessions h on h.screen_id = u.screen_id
    order by h.screen_id
  loop
    if away.is_held then
      return query select away.screen_id, null::bigint, null::uuid, null::uuid, null::text, null::text, null::text, 0,
        null::bigint, false, null::bigint;
      continue;
    end if;
    with looked as (
      select e.seq, e.type, e.expires_at, d.seq is null as pending, coalesce(a.n, 0) + coalesce(a.lost, 0) as tries,
        coalesce(a.lost, 0) as lost,
        case when e.type = 'navigate' then coalesce((e.payload::json ->> 'displayIndex')::int, 0) end as display,
        count(*) filter (where e.type <> 'navigate') over (order by e.seq) as run
      from (
        select i.* from inbox_entries i where i.stream_id = away.stream_id and i.seq > away.after order by i.seq limit p_limit
      ) e
        left join deliveries d on d.stream_id = away.stream_id and d.seq = e.seq
        left join attempts a on a.stream_id = away.stream_id and a.seq = e.seq
    ), fated as (
      select l.seq, l.tries, l.expires_at, l.pending,
        case
          when not l.pending then null
          when l.lost >= 10 then 'dead'
          when l.expires_at <= p_at then 'expired'
          when l.type = 'navigate' and l.seq < max(l.seq) filter (where l.type = 'navigate' and l.pending and l.expires_at > p_at)
            over (partition by l.run, l.display) then 'superseded'
        end as status
      from looked l
    )
    select count(*) as looked, max(f.seq) as walked,
      min(f.expires_at) filter (where f.pending and f.status is null) as next_at,
      array_agg(f.seq order by f.seq) filter (where f.status is not null) as seqs,
      array_agg(f.status order by f.seq) filter (where f.status is not null) as statuses,
      array_agg(f.tries order by f.seq) filter (where f.status is not null) as tries,
      array_agg(case when f.status = 'dead' then 'lost' end order by f.seq) filter (where f.status is not null) as reasons
    into page from fated f;
    if page.seqs is not null then
      perform record_outcomes(p_at, p_hooks, array_fill(away.stream_id, array[cardinality(page.seqs)]), page.seqs, page.statuses,
        page.tries, array_fill(null::text, array[cardinality(page.seqs)]), page.reasons);
      update screen_sessions h
      set fence = h.fence + 1, node = null, incarnation = null, instance_id = null,
        acked_seq = greatest(h.acked_seq, terminal_prefix(h.stream_id, h.acked_seq))
      where h.screen_id = away.screen_id;
      return query
      select away.screen_id, u.seq, c.id, c.sender_id, c.notify, u.status, u.reason, u.tries, null::bigint, false, null::bigint
      from unnest(page.seqs, page.statuses, page.reasons, page.tries) as u(seq, status, reason, tries)
        join inbox_entries c on c.stream_id = away.stream_id and c.seq = u.seq;
    end if;
    return query select away.screen_id, null::bigint, null::uuid, null::uuid, null::text, null::text, null::text, 0,
      coalesce(page.walked, away.after), page.looked = p_limit, page.next_at;
  end loop;
end $$;

-- Of the p_limit screens after p_after, in their order: those with entries waiting that are away, or that the asking process
-- holds, which knows whether it has their connections. last: where to go on; null at the end.
create function waiting_away(p_after text, p_limit int, p_at bigint, p_incarnation uuid, out screens text[], out last text)
language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  select array_agg(p.screen_id) filter (
      where s.last_seq > p.acked_seq and (p.incarnation = p_incarnation or is_away(p.node, p.incarnation, p_at))
    ),
    case when count(*) = p_limit then max(p.screen_id) end
  into screens, last
  from (
    select h.screen_id, h.stream_id, h.acked_seq, h.node, h.incarnation from screen_sessions h
    where h.screen_id > p_after order by h.screen_id limit p_limit
  ) p join streams s on s.id = p.stream_id;
  screens := coalesce(screens, '{}');
end $$;
