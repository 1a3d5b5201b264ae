import { readCatalogue } from './catalogue.mjs';
import { Copy } from './copy.mjs';
import { runTests } from './run-tests.mjs';

export const description =
  'attacks: with its defence taken out each one’s test is red, and green as the code stands';

const LEAST = 40;
const AT_ONCE = 2;
/** What `expect` and `nextEvent` throw: `rejects` and `poll` have no class of their own, nor has an event that never came. */
const ASSERTION =
  /^(AssertionError|Error: (promise (resolved|rejected)|expected |no "[a-z-]+" within|the handshake was not refused))/;

/** Each attack alone in a copy of the sources without its defence, and all of them together in one with all. */
export async function prove({ only, log }) {
  const catalogue = await readCatalogue();
  const chosen = catalogue.filter(({ id }) => !only || only.includes(id));
  const figures = {};
  const controls = {
    ...(await runControls(
      chosen.filter((entry) => !entry.needsBuild),
      {},
      log,
    )),
    ...(await runControls(
      chosen.filter((entry) => entry.needsBuild),
      { built: true },
      log,
    )),
  };
  const queue = [...chosen];
  await Promise.all(Array.from({ length: AT_ONCE }, () => work(queue, { controls, figures, log })));
  const ordered = Object.fromEntries(chosen.map(({ id }) => [id, figures[id]]));
  const all = Object.values(ordered);
  const proven = all.filter((each) => each.withoutDefence === 'red' && each.asItStands === 'green');
  log(`${proven.length} of ${all.length} proven`);
  const enough = only !== undefined || all.length >= LEAST;
  return { passed: enough && all.length > 0 && proven.length === all.length, figures: ordered };
}

async function runControls(chosen, kind, log) {
  if (chosen.length === 0) return {};
  const copy = new Copy(kind);
  try {
    const files = [...new Set(chosen.map(({ test }) => test))];
    const ids = chosen.map(({ id }) => id);
    const { seen, output } = await runTests(copy, files, ids);
    const red = ids.filter((id) => !seen[id].passed);
    log(`as the code stands: ${ids.length - red.length} of ${ids.length} green`);
    for (const id of red) log(`${id}: ${seen[id].ran === 0 ? 'NO TEST RAN' : seen[id].failures[0]}`);
    if (red.length === ids.length) log(output);
    return seen;
  } finally {
    copy.remove();
  }
}

async function work(queue, { controls, figures, log }) {
  const copy = new Copy();
  try {
    for (let entry = queue.shift(); entry; entry = queue.shift()) {
      const { id, attack, defence, source, test } = entry;
      const without = entry.needsBuild ? await attemptBuilt(entry) : await attempt(copy, entry);
      const asItStands = controls[id].passed ? 'green' : 'RED';
      const { colour: withoutDefence, failure } = without;
      figures[id] = { attack, defence, source, test, withoutDefence, asItStands, failure };
      log(`${id}: without its defence ${withoutDefence}, as it stands ${asItStands}; ${failure}`);
    }
  } finally {
    copy.remove();
  }
}

/** In a copy of its own, since what was built stays built. */
async function attemptBuilt(entry) {
  const copy = new Copy({ built: true });
  try {
    return await attempt(copy, entry);
  } finally {
    copy.remove();
  }
}

/** Red only by an assertion of the test itself: a patch that merely breaks the code proves nothing. */
async function attempt(copy, { id, test, changes, needsBuild }) {
  let undo = () => {};
  try {
    undo = copy.plant(changes);
    if (needsBuild) copy.buildConsole();
    const { seen, output } = await runTests(copy, [test], [id]);
    const { ran, failures } = seen[id];
    const byAssertion = failures.find((failure) => ASSERTION.test(failure));
    if (byAssertion) return { colour: 'red', failure: byAssertion };
    if (ran === 0)
      return { colour: 'NOT RUN', failure: output.split('\n').filter(Boolean).at(-1) ?? 'no test' };
    return { colour: failures.length > 0 ? 'BROKEN' : 'GREEN', failure: failures[0] ?? 'the test passed' };
  } catch (error) {
    return { colour: 'NOT RUN', failure: error.message.split('\n')[0] };
  } finally {
    undo();
  }
}
