/**
 * Judges a history; knows nothing of how it was made. Records, in the order of each process:
 * - `invoke {id, screen, transmission}`, `ok {id, transmission, seq, stream, epoch, acceptedAt, duplicate}`,
 *   `fail {id, transmission, code, retryable}`, `info {id}` (the connection went before an answer): by controllers
 * - `run {screen, id, seq, stream}`: by screens, each in the order in which it executed
 * - `said {id, status}`: what the server says at the end
 * Returns violations by name; all empty means the promise held.
 */
export function check({ controllers, screens, said = [] }) {
  const commands = byId(controllers);
  const runs = screens.flat();
  const executed = groupBy(runs, ({ id }) => id);
  return {
    lost: acknowledged(commands).filter((id) => !executed.has(id)),
    doubled: [...executed].filter(([, each]) => each.length > 1).map(([id]) => id),
    unknown: [...executed.keys()].filter((id) => !commands.has(id)),
    refusedButExecuted: [...commands.values()]
      .filter((command) => definitelyRefused(command) && executed.has(command.id))
      .map(({ id }) => id),
    unanswered: [...commands.values()].filter((command) => !settled(command)).map(({ id }) => id),
    answersDiffer: [...commands.values()].filter(({ oks }) => differ(oks)).map(({ id }) => id),
    outOfOrder: screens.flatMap(outOfOrder),
    gaps: screens.flatMap(gaps),
    misplaced: runs.filter(({ id, seq }) => misplaced(commands.get(id), seq)).map(({ id }) => id),
    serverDisagrees: said
      .filter(({ id, status }) => (status === 'executed') !== executed.has(id))
      .map(({ id }) => id),
  };
}

export function violationsOf(verdict) {
  return Object.values(verdict).reduce((total, found) => total + found.length, 0);
}

function byId(records) {
  const commands = new Map();
  for (const record of records) {
    const command = commands.get(record.id) ?? {
      id: record.id,
      transmissions: 0,
      oks: [],
      fails: [],
    };
    commands.set(record.id, command);
    if (record.kind === 'invoke') command.transmissions += 1;
    if (record.kind === 'ok') command.oks.push(record);
    if (record.kind === 'fail') command.fails.push(record);
  }
  return commands;
}

function acknowledged(commands) {
  return [...commands.values()].filter(({ oks }) => oks.length > 0).map(({ id }) => id);
}

/** Every transmission got a refusal that is final: one that got no answer may have been accepted. */
function definitelyRefused({ oks, fails, transmissions }) {
  return oks.length === 0 && fails.filter(({ retryable }) => !retryable).length === transmissions;
}

function settled({ oks, fails }) {
  return oks.length > 0 || fails.some(({ retryable }) => !retryable);
}

/** At most one answer may call itself the first, and all must tell the same place. */
function differ(oks) {
  const places = new Set(
    oks.map(({ seq, stream, epoch, acceptedAt }) => `${stream} ${seq} ${epoch} ${acceptedAt}`),
  );
  return places.size > 1 || oks.filter(({ duplicate }) => !duplicate).length > 1;
}

function outOfOrder(runs) {
  return runs.filter(({ seq }, place) => place > 0 && seq <= runs[place - 1].seq).map(({ id }) => id);
}

/** Nothing here fails, expires or is cancelled, so a screen must have executed 1, 2, 3 … without a hole. */
function gaps(runs) {
  const seqs = new Set(runs.map(({ seq }) => seq));
  const last = Math.max(0, ...seqs);
  const missing = [];
  for (let seq = 1; seq <= last; seq += 1) {
    if (!seqs.has(seq)) missing.push(`${runs[0]?.screen} ${seq}`);
  }
  return missing;
}

function misplaced(command, seq) {
  return command?.oks.some((ok) => ok.seq !== seq) ?? false;
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

/** Does a kill at `at` count? What stood open at that moment, from the history alone. */
export function atTheKill({ controllers, screens, since, at }) {
  const before = (record) => record.at < at;
  const oks = controllers.filter((record) => record.kind === 'ok' && before(record));
  const accepted = oks.filter((record) => !record.duplicate && record.at >= since).length;
  const executed = new Set(
    screens
      .flat()
      .filter(before)
      .map(({ id }) => id),
  );
  const unsettled = new Set(oks.map(({ id }) => id).filter((id) => !executed.has(id))).size;
  const answered = new Set(
    controllers
      .filter(({ kind, at: when }) => (kind === 'ok' || kind === 'fail') && when < at)
      .map(transmissionOf),
  );
  const unanswered = controllers.filter(
    (record) =>
      record.kind === 'invoke' &&
      before(record) &&
      record.at >= since &&
      !answered.has(transmissionOf(record)),
  ).length;
  return { accepted, unsettled, unanswered };
}

const transmissionOf = ({ id, transmission }) => `${id} ${transmission}`;
