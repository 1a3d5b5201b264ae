import type { LedgerFacts } from './check-ledger.js';
import { monotonicMs } from './history.js';
import type { ServerNode } from './server-node.js';

/** Entries of the last run; older ones were looked at then. */
const RECENT_MS = 120_000;

const FACTS = `
select current_epoch() as epoch,
  (select coalesce(json_agg(json_build_object('screen', s.name, 'fence', h.fence, 'acked', h.acked_seq, 'lastSeq', s.last_seq)), '[]')
   from screen_sessions h join streams s on s.id = h.stream_id) as sessions,
  (select coalesce(json_agg(json_build_object('screen', s.name, 'seq', d.seq, 'commandId', c.id)), '[]')
   from deliveries d join streams s on s.id = d.stream_id join commands c on c.stream_id = d.stream_id and c.seq = d.seq
   where d.status = 'dead') as "deadDeliveries",
  (select coalesce(json_agg(json_build_object('screen', l.screen_id, 'commandId', l.command_id, 'reason', l.reason)), '[]')
   from dead_letters l) as "deadLetters",
  (select coalesce(json_agg(json_build_object('id', c.id, 'stream', s.kind || ':' || s.name, 'seq', c.seq, 'acceptedAt', c.accepted_at)), '[]')
   from commands c join streams s on s.id = c.stream_id where c.requeue_of is not null) as requeued,
  (select coalesce(json_agg(json_build_object('screen', s.name, 'seq', c.seq)), '[]')
   from commands c join streams s on s.id = c.stream_id join screen_sessions h on h.stream_id = c.stream_id
   where c.seq <= h.acked_seq and c.accepted_at > extract(epoch from clock_timestamp()) * 1000 - ${RECENT_MS}
     and not exists (select 1 from deliveries d where d.stream_id = c.stream_id and d.seq = c.seq)) as uncovered`;

/** What the tables say, asked by a server that works on them. */
export async function askLedger(node: Pick<ServerNode, 'sql'>): Promise<LedgerFacts> {
  const [row] = await node.sql<Omit<LedgerFacts, 'at'>>(FACTS);
  if (!row) throw new Error('The ledger answered nothing');
  return { ...row, at: monotonicMs() };
}
