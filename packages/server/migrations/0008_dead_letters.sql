-- works-with: 0001
-- Requeueing dead letters, and the lists of commands (docs/decisions/0062-requeue-is-a-new-command.md).

-- Puts letters back as new commands of their senders, each into the inbox of its one screen: letter i becomes command
-- p_commands[i]. The compare-and-set on requeued_as and the insert are one transaction, so twice asked is once done, and a caller
-- whose COMMIT got no answer asks again with the same ids. One row a letter, in the order asked. outcome:
-- requeued, also when this very command took the letter's place before; used: another command did (command_id); deleted: the screen
-- takes nothing more; full: p_max_pending entries wait for it; unknown: there is no such letter.
create function requeue_dead_letters(
  p_letters uuid[], p_commands uuid[], p_fingerprints bytea[], p_at bigint, p_expires_at bigint, p_max_pending bigint
) returns table (slot int, outcome text, command_id uuid, stream text, seq bigint, accepted_at bigint, epoch text)
language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  present text := current_epoch();
  held bigint[];
  letter dead_letters;
  inbox bigint;
  base bigint;
  take int;
begin
  -- By name: a letter of a room's command may name the room's stream.
  select array_agg(distinct s.id) into held
  from unnest(p_letters) as u(id)
    join dead_letters l on l.id = u.id
    join streams s on s.kind = 'screen' and s.name = l.screen_id;
  perform 1 from streams s where s.id = any(held) order by s.id for no key update;
  perform 1 from screen_displays v where v.stream_id = any(held) order by v.stream_id, v.display_index for no key update;
  perform 1 from dead_letters l where l.id = any(p_letters) order by l.id for update;
  for i in 1 .. cardinality(p_letters) loop
    slot := i;
    command_id := p_commands[i];
    stream := null;
    seq := null;
    accepted_at := null;
    epoch := present;
    select * into letter from dead_letters l where l.id = p_letters[i];
    if not found then
      outcome := 'unknown';
    elsif letter.requeued_as = p_commands[i] then
      outcome := 'requeued';
      select s.kind || ':' || s.name, c.seq, c.accepted_at into stream, seq, accepted_at
      from commands c join streams s on s.id = c.stream_id
      where c.sender_id = letter.sender_id and c.id = p_commands[i];
    elsif letter.requeued_as is not null then
      outcome := 'used';
      command_id := letter.requeued_as;
    else
      select s.id into inbox from streams s where s.kind = 'screen' and s.name = letter.screen_id;
      select r.bases[1], r.takes[1] into base, take from raise_streams(array[inbox], array[1], p_max_pending) r;
      if take = 1 then
        outcome := 'requeued';
        stream := 'screen:' || letter.screen_id;
        seq := base + 1;
        accepted_at := p_at;
        insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at, requeue_of)
        values (inbox, base + 1, letter.sender_id, p_commands[i], letter.type, p_fingerprints[i], letter.payload, p_at,
          p_expires_at, letter.first_id);
        update dead_letters set requeued_as = p_commands[i] where id = p_letters[i];
        if letter.type = 'navigate' then
          insert into screen_displays as d (stream_id, display_index, desired_url, desired_at, desired_seq, desired_id)
          values (inbox, coalesce((letter.payload::json ->> 'displayIndex')::smallint, 0), letter.payload::json ->> 'url', p_at,
            base + 1, p_commands[i])
          on conflict (stream_id, display_index) do update
          set desired_url = excluded.desired_url, desired_at = excluded.desired_at, desired_seq = excluded.desired_seq,
            desired_id = excluded.desired_id;
        end if;
      else
        outcome := case when take = 0 then 'full' else 'deleted' end;
      end if;
    end if;
    return next;
  end loop;
end $$;

-- A sender's own commands by time: their ids need not be in the order of time.
create index commands_sender on commands (sender_id, accepted_at);
