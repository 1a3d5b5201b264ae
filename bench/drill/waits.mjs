import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readHistory } from '../lib/history.mjs';

/** What the clients of a drill wrote down in `folder` from `since` on: {controllers: [record], screens: [[record]]}. */
export function readClients(folder, since = 0) {
  const read = (name) => readHistory(join(folder, name)).filter(({ at }) => at >= since);
  const screens = readdirSync(folder).filter((name) => name.startsWith('screen-'));
  return { controllers: read('controllers'), screens: screens.map(read) };
}

/**
 * How long they waited, in milliseconds: `answered` from the moment at which a command was due to its first final answer, `executed` from
 * its acceptance to its start on the screen, `away` without a usable socket.
 */
export function waitsOf({ controllers, screens }) {
  const accepted = firsts(controllers, isAccepted);
  const answered = firsts(
    controllers,
    (record) => isAccepted(record) || (record.kind === 'fail' && !record.retryable),
  );
  const due = new Map(controllers.flatMap(({ kind, id, dueAt }) => (kind === 'wanted' ? [[id, dueAt]] : [])));
  const began = firsts(screens.flat(), ({ kind }) => kind === 'run');
  const between = (from, to) =>
    [...from].flatMap(([id, at]) => (to.has(id) ? [Math.max(0, to.get(id) - at)] : []));
  return {
    answered: longest(between(due, answered)),
    executed: longest(between(accepted, began)),
    away: longest([
      ...absences(controllers, ({ who }) => who, { gone: 'away', back: 'ready' }),
      ...screens.flatMap((records) => absences(records, () => 'screen', { gone: 'shut', back: 'open' })),
    ]),
  };
}

/** Commands accepted a second, from the first that was due until `endedAt`, when the load was told to stop. */
export function paceOf({ controllers }, endedAt) {
  const since = controllers.find(({ kind }) => kind === 'wanted')?.dueAt ?? endedAt;
  const inTime = [...firsts(controllers, isAccepted).values()].filter((at) => at <= endedAt).length;
  return Math.round((inTime * 10_000) / Math.max(1, endedAt - since)) / 10;
}

/** {count, p99, most} */
export function longest(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return { count: sorted.length, p99: at(0.99), most: at(1) };
}

const isAccepted = ({ kind }) => kind === 'ok';

/** By id: when such a record came first. */
function firsts(records, isIt) {
  const times = new Map();
  for (const record of records) if (isIt(record) && !times.has(record.id)) times.set(record.id, record.at);
  return times;
}

function absences(records, whose, { gone, back }) {
  const since = new Map();
  return records.flatMap((record) => {
    if (record.kind === gone && !since.has(whose(record))) since.set(whose(record), record.at);
    if (record.kind !== back || !since.has(whose(record))) return [];
    const ms = record.at - since.get(whose(record));
    since.delete(whose(record));
    return [ms];
  });
}
