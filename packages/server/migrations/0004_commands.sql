-- works-with: 0001
-- The functions of the ledger (docs/delivery.md). Each is one volatile call: rows are locked in one order by one statement and
-- read by a later one, whose snapshot is newer than the locks. No lock spans a round trip to the client.
-- enable_seqscan and its like are off where a cached plan could have been made on an empty table and then scan a full one.

-- Locks the streams in id order (callers pass them so) until commit and gives each its next numbers.
-- takes[i]: how many of counts[i] fit under max_pending; -1 where the stream is deleted or unknown. The first takes[i] are
-- numbered from bases[i] + 1.
create function raise_streams(
  p_streams bigint[], p_counts int[], p_max_pending bigint,
  out bases bigint[], out takes int[]
) language plpgsql volatile set enable_seqscan = off as $$
declare
  top bigint;
  spare bigint;
begin
  bases := array_fill(0::bigint, array[cardinality(p_streams)]);
  takes := p_counts;
  for i in 1 .. cardinality(p_streams) loop
    update streams set last_seq = last_seq + p_counts[i]
    where id = p_streams[i] and deleted_at is null
    returning last_seq into top;
    if not found then
      takes[i] := -1;
      continue;
    end if;
    bases[i] := top - p_counts[i];
    -- Fewer than max_pending were ever accepted: no need to look what is settled.
    if top > p_max_pending then
      select s.acked_seq + p_max_pending - top into spare from screen_sessions s where s.stream_id = p_streams[i];
      if spare < 0 then
        takes[i] := greatest(0, p_counts[i] + spare);
        update streams set last_seq = bases[i] + takes[i] where id = p_streams[i];
      end if;
    end if;
  end loop;
end $$;

-- Accepts a batch without looking for duplicates: 23505 is the caller's sign to call the checked twin.
-- Rows come sorted by stream; slots[i] says which of p_streams, places[i] counts from 1 in each. Payloads are JSON texts, which hold
-- no raw newline, joined by newlines.
create function accept_commands(
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
  epoch := current_epoch();
end $$;

-- The same under a look: known (sender, id) pairs are read under the locks and only the rest is inserted.
-- known: [{row, stream, seq, acceptedAt, fingerprint}], rows counted from 1. places[i]: the place of row i among the new ones of
-- its stream, 0 for a known one.
create function accept_commands_checked(
  p_streams bigint[], p_max_pending bigint, p_accepted_at bigint,
  p_slots int[], p_senders uuid[], p_ids uuid[], p_types text[], p_fingerprints bytea[], p_payloads text,
  p_expires_at bigint[], p_retries smallint[], p_notify text[],
  out bases bigint[], out takes int[], out epoch text, out places int[], out known jsonb
) language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
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
  known := coalesce(known, '[]');
  epoch := current_epoch();
end $$;

-- The last connection wins, except over one that opened later and still holds: a dead process of this node holds nothing, and may
-- have had another idea of the time. One row a screen that exists.
-- holder_instance: whose it was before, or, when not taken, whose it is.
create function take_fences(
  p_screens text[], p_instances uuid[], p_connected_at bigint[], p_node text, p_incarnation uuid
) returns table (
  screen_id text, taken boolean, deleted boolean, stream_id bigint, fence bigint, acked_seq bigint, last_seq bigint,
  holder_instance uuid, epoch text
) language plpgsql volatile set enable_seqscan = off as $$
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
      and (h.node is null or h.connected_at <= asked.connected_at
        or (h.node = p_node and h.incarnation <> p_incarnation))
    returning h.screen_id, h.fence
  )
  select a.screen_id, w.screen_id is not null, a.deleted_at is not null, a.stream_id, coalesce(w.fence, a.fence), a.acked_seq,
    a.last_seq, a.holder_instance, current_epoch()
  from asked a left join won w on w.screen_id = a.screen_id;
end $$;

-- Writes what became of entries, for the holders of the fences, and answers the screens whose fence is another by now: for those
-- nothing was written. In another epoch the numbers may mean other entries: then a screen is released at most. slots count from 1
-- in p_screens. acked: all entries up to it are terminal. A release leaves the screen to whoever comes. Repeating a call changes
-- nothing.
create function settle(
  p_screens text[], p_fences bigint[], p_epochs text[], p_acked bigint[], p_releases boolean[], p_at bigint,
  d_slots int[], d_seqs bigint[], d_statuses text[], d_attempts int[], d_errors text[], d_reasons text[],
  f_slots int[], f_seqs bigint[], f_failed int[], f_lost int[], f_errors text[]
) returns table (slot int, fence bigint, instance_id uuid)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  held bigint[];
  present text := current_epoch();
begin
  perform 1 from screen_sessions where screen_id = any(p_screens) order by screen_id for no key update;
  select array_agg(h.stream_id order by u.slot) into held
  from unnest(p_screens, p_fences, p_epochs) with ordinality as u(screen_id, fence, epoch, slot)
    left join screen_sessions h on h.screen_id = u.screen_id and h.fence = u.fence and u.epoch = present;
  update screen_sessions h
  set acked_seq = case when u.epoch = present then greatest(h.acked_seq, u.acked) else h.acked_seq end,
    node = case when u.release then null else h.node end,
    incarnation = case when u.release then null else h.incarnation end,
    instance_id = case when u.release then null else h.instance_id end
  from unnest(p_screens, p_fences, p_epochs, p_acked, p_releases) as u(screen_id, fence, epoch, acked, release)
  where h.screen_id = u.screen_id and h.fence = u.fence;
  insert into deliveries (stream_id, seq, status, attempts, at, error, reason)
  select held[d.slot], d.seq, d.status, d.attempts, p_at, d.error, d.reason
  from unnest(d_slots, d_seqs, d_statuses, d_attempts, d_errors, d_reasons) as d(slot, seq, status, attempts, error, reason)
  where held[d.slot] is not null
  on conflict do nothing;
  delete from attempts a using unnest(held, p_acked) as h(stream_id, acked)
  where a.stream_id = h.stream_id and a.seq <= h.acked;
  if cardinality(f_slots) > 0 then
    insert into attempts as a (stream_id, seq, n, lost, last_error)
    select held[f.slot], f.seq, f.failed, f.lost, f.error
    from unnest(f_slots, f_seqs, f_failed, f_lost, f_errors) as f(slot, seq, failed, lost, error)
    where held[f.slot] is not null
    on conflict (stream_id, seq) do update
    set n = greatest(a.n, excluded.n), lost = greatest(a.lost, excluded.lost),
      last_error = coalesce(excluded.last_error, a.last_error);
  end if;
  return query
  select u.slot::int, h.fence, h.instance_id
  from unnest(p_screens, held) with ordinality as u(screen_id, stream_id, slot)
    left join screen_sessions h on h.screen_id = u.screen_id
  where u.stream_id is null;
end $$;

-- The next entries of several inboxes, at most p_limit of each. settled: terminal before its turn came.
create function read_inboxes(p_streams bigint[], p_after bigint[], p_limit int) returns table (
  stream_id bigint, seq bigint, sender_id uuid, id uuid, type text, payload text, accepted_at bigint, expires_at bigint,
  notify text, requeue_of uuid, settled boolean, failed smallint, lost smallint, epoch text
) language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  present text := current_epoch();
begin
  return query
  select c.stream_id, c.seq, c.sender_id, c.id, c.type, c.payload, c.accepted_at, c.expires_at, c.notify, c.requeue_of,
    d.seq is not null, coalesce(a.n, 0::smallint), coalesce(a.lost, 0::smallint), present
  from unnest(p_streams, p_after) as u(stream_id, after)
    cross join lateral (
      select * from commands e where e.stream_id = u.stream_id and e.seq > u.after order by e.seq limit p_limit
    ) c
    left join deliveries d on d.stream_id = c.stream_id and d.seq = c.seq
    left join attempts a on a.stream_id = c.stream_id and a.seq = c.seq
  order by c.stream_id, c.seq;
end $$;

-- Where the inboxes end and who holds them: repairs whatever a hint failed to tell.
create function read_heads(p_streams bigint[]) returns table (
  stream_id bigint, last_seq bigint, fence bigint, instance_id uuid, epoch text
) language plpgsql volatile set enable_seqscan = off as $$
declare
  present text := current_epoch();
begin
  return query
  select s.id, s.last_seq, h.fence, h.instance_id, present
  from unnest(p_streams) as u(id) join streams s on s.id = u.id join screen_sessions h on h.stream_id = s.id;
end $$;

-- Deletes a screen's inbox: what is pending becomes cancelled, the stream takes no more, and whoever holds the fence loses it.
-- Stream before session, as everywhere. Answers what was cancelled.
create function cancel_inbox(p_stream bigint, p_at bigint) returns table (id uuid, sender_id uuid, notify text, attempts int)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
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
    from commands c left join attempts a on a.stream_id = c.stream_id and a.seq = c.seq
    where c.stream_id = p_stream and c.seq > settled
    on conflict do nothing
    returning seq, attempts
  )
  select c.id, c.sender_id, c.notify, d.attempts::int
  from cancelled d join commands c on c.stream_id = p_stream and c.seq = d.seq
  where c.notify <> 'none'
  order by c.seq;
  delete from attempts a where a.stream_id = p_stream;
end $$;
