import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const OLDEST_NODE = [20, 19];

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Ends the process with a clear line on a Node that cannot run the server. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  say(
    `Bongsu needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}. See https://nodejs.org`,
  );
  process.exit(1);
}

/** Runs a command at the root with this terminal; resolves with its exit code. */
export function run(command, args, options = {}) {
  return exitCodeOf(spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options }));
}

/** The same in silence: resolves with its exit code and all that it said. */
export async function runQuietly(command, args) {
  let said = '';
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  return { code: await exitCodeOf(child), said };
}

function exitCodeOf(child) {
  return new Promise((settle, fail) => {
    child.on('error', fail);
    child.on('close', (code) => settle(code ?? 1));
  });
}

/** A script of a package in node_modules, by the same Node. */
export function runNode(path, args, options = {}) {
  return run(process.execPath, [resolve(ROOT, path), ...args], options);
}

/** npm as it was called, or the one of the PATH. */
export function runNpm(args) {
  const own = process.env.npm_execpath;
  if (own?.endsWith('.js')) return runNode(own, args);
  return run('npm', args, { shell: process.platform === 'win32' });
}

/** A signal to npm ends npm and its shell, but does not get here: a server would live on and hold port and data folder. */
export function endWithParent(parent) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}
