import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readHistory } from '../lib/history.mjs';

/**
 * How long the clients of a drill waited, from the histories in `folder`, in milliseconds: `answered` from the moment at which a command
 * was wanted to its first final answer, `executed` from its acceptance to its start on the screen, `away` without a usable socket.
 */
export function readWaits(folder) {
  const files = readdirSync(folder);
  const controllers = readHistory(join(folder, 'controllers'));
  const screens = files
    .filter((name) => name.startsWith('screen-'))
    .map((name) => readHistory(join(folder, name)));
  const accepted = firsts(controllers, ({ kind }) => kind === 'ok');
  const answered = firsts(
    controllers,
    ({ kind, retryable }) => kind === 'ok' || (kind === 'fail' && !retryable),
  );
  const wanted = firsts(controllers, ({ kind }) => kind === 'wanted');
  const began = firsts(screens.flat(), ({ kind }) => kind === 'run');
  const between = (from, to) =>
    [...from].flatMap(([id, at]) => (to.has(id) ? [Math.max(0, to.get(id) - at)] : []));
  return {
    answered: longest(between(wanted, answered)),
    executed: longest(between(accepted, began)),
    away: longest([
      ...absences(controllers, ({ who }) => who, { gone: 'away', back: 'ready' }),
      ...screens.flatMap((records) => absences(records, () => 'screen', { gone: 'shut', back: 'open' })),
    ]),
  };
}

/** {count, p99, most} */
export function longest(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return { count: sorted.length, p99: at(0.99), most: at(1) };
}

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
