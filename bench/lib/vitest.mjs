import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const KEPT_OUTPUT = 4000;
const KEPT_LINE = 300;

/**
 * Runs tests of the checkout at `root`.
 * @param tests `files`; `titles`: a pattern of their full titles; `env` besides this process's, undefined to leave one out;
 *   `options` of vitest; `limitMs`, after which it is killed
 * @returns `report`: vitest's JSON; `code`: what it ended with; `output`: the end of what was printed
 * @throws with that output when there is no report
 */
export async function runVitest(root, { files, titles, env = {}, options = [], limitMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-vitest-'));
  const out = join(folder, 'results.json');
  const reporting = ['--reporter=json', `--outputFile=${out}`];
  const command = ['run', ...files, `--testNamePattern=${titles}`, ...options, ...reporting];
  try {
    const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...command], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    const output = tail(child);
    const [code] = await once(child, 'close');
    if (!existsSync(out)) throw new Error(`no report, vitest ended with ${code}: ${output()}`);
    return { report: JSON.parse(readFileSync(out, 'utf8')), code, output: output() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tail({ stdout, stderr }) {
  let kept = '';
  for (const stream of [stdout, stderr]) {
    stream.on('data', (chunk) => {
      kept = (kept + chunk).slice(-KEPT_OUTPUT);
    });
  }
  return () => kept;
}

/** Of a failure's message: up to the stack, its first line. */
export function firstLine(message) {
  const [line] = stripVTControlCharacters(message).split('\n');
  return line.slice(0, KEPT_LINE);
}
