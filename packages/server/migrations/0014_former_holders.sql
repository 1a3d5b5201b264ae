-- works-with: 0001
-- Who may decide for a screen, after a name or an epoch changed; otherwise as in 0006.

-- Of a process whose name another one took while it may still live, cut off from here: when its lease ends by its own reckoning.
alter table ended_nodes add column lease_until bigint not null default 0;

-- True when no living process may write for the screen: its row names none, or one whose lease is over.
create or replace function is_away(p_node text, p_incarnation uuid, p_at bigint) returns boolean
language plpgsql volatile as $$
begin
  return p_node is null or not exists (
    select from nodes n where n.name = p_node and n.incarnation = p_incarnation and n.lease_until > p_at
  ) and not exists (
    select from ended_nodes e where e.incarnation = p_incarnation and e.lease_until > p_at
  );
end $$;

-- Writes what became of entries, for the holders of the fences, and answers the screens whose fence is another by now: for those
-- nothing was written. In another epoch entries and fences are others by the same numbers: nothing is written, and nothing released, for
-- the fence may be somebody else's. slots count from 1 in p_screens. acked: all entries up to it are terminal. A release leaves the
-- screen to whoever comes. d: ended. f: tried and still pending. r: shown now, by an executed navigate. Repeating a call changes nothing.
create or replace function settle_inboxes(
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
  set acked_seq = greatest(h.acked_seq, u.acked),
    node = case when u.release then null else h.node end,
    incarnation = case when u.release then null else h.incarnation end,
    instance_id = case when u.release then null else h.instance_id end
  from unnest(p_screens, p_fences, p_epochs, p_acked, p_releases) as u(screen_id, fence, epoch, acked, release)
  where h.screen_id = u.screen_id and h.fence = u.fence and u.epoch = present and (u.release or u.acked > h.acked_seq);
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
