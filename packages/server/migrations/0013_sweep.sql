-- works-with: 0001
-- A sweep that locks only what nobody holds; otherwise as in 0006.

-- Decides for screens that are away what has ended by itself: lost, expired, superseded. Of each inbox it looks at p_limit entries
-- after p_after. One row an outcome, and one row a screen with seq null: walked is where the look ended (null: held by a living
-- process), more whether entries follow, next_at when the first of the looked-at ones expires.
-- p_incarnation: of this process, which has no connection of those screens. A row may still name it, when the answer that gave it
-- the screen was lost or the release could not be written: it is left to whoever comes. A connection that opened after p_at came
-- while this call was on its way, and holds.
create or replace function sweep_inboxes(
  p_screens text[], p_after bigint[], p_limit int, p_at bigint, p_hooks boolean, p_incarnation uuid
) returns table (
  screen_id text, seq bigint, id uuid, sender_id uuid, notify text, status text, reason text, attempts int,
  walked bigint, more boolean, next_at bigint
) language plpgsql volatile set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  unheld text[];
  away record;
  page record;
begin
  -- Those that others hold are not locked: whoever holds them writes all the time.
  unheld := array(
    select h.screen_id from screen_sessions h
    where h.screen_id = any(p_screens)
      and (h.incarnation = p_incarnation and h.connected_at < p_at or is_away(h.node, h.incarnation, p_at))
  );
  perform 1 from screen_sessions where screen_id = any(unheld) order by screen_id for no key update;
  -- Looked at again from here on: somebody may have come before the lock.
  update screen_sessions set node = null, incarnation = null, instance_id = null
  where screen_id = any(unheld) and incarnation = p_incarnation and connected_at < p_at;
  for away in
    select h.screen_id, h.stream_id, h.acked_seq, greatest(h.acked_seq, u.after) as after,
      h.screen_id <> all(unheld) or not is_away(h.node, h.incarnation, p_at) as is_held
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
