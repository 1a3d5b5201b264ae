import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

const own = new Set();
process.once('exit', () => {
  for (const child of own) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  // Who listens too ends by itself, in order.
  process.once(signal, () => process.listenerCount(signal) === 0 && process.exit(130));
}

export const isAlive = (child) => child.exitCode === null && child.signalCode === null;

/**
 * A child that ends with this process at the latest, pinned to one core where `core` is given. It does not hear the Ctrl-C of a
 * terminal, which tells all at once: this process ends them in order.
 */
export function start(command, args, { core, ...given } = {}) {
  const options = { ...given, detached: true };
  const pinned = core !== undefined && canPin();
  const child = pinned
    ? spawn('taskset', ['-c', String(core), command, ...args], options)
    : spawn(command, args, options);
  own.add(child);
  child.once('exit', () => own.delete(child));
  return child;
}

export async function stop(child, signal = 'SIGTERM') {
  if (!isAlive(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

export function canPin() {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => exists(join(folder, 'taskset')));
}

/** Runs a program to its end. @throws Error with what it said when it fails */
export async function runToEnd(command, args, options = {}) {
  const child = start(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} failed: ${said.trim()}`);
}

/** Seconds of CPU that a process, all its threads included, has used. */
export async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** The same of a process, its living children and those that have ended. */
export async function familyCpuSeconds(pid) {
  let ticks = 0;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    const [, parent, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(entry) !== pid && Number(parent) !== pid) continue;
    for (const field of fields.slice(9, 13)) ticks += Number(field);
  }
  return ticks / TICKS_PER_SECOND;
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export async function residentMiB(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

/**
 * Below the range from which outgoing connections get theirs: what was stopped can be started there again. The kernel's own choice
 * has been taken meanwhile by somebody's connection.
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Resolves when `check` is true. @throws naming `what` after `timeoutMs`. */
export async function until(what, check, timeoutMs = 30_000, everyMs = 5) {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > giveUpAt) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Resolves when a process answers: when `ask` does, with anything but nothing. @throws when it ended before */
export function untilAnswers(name, child, ask) {
  return until(`${name} answers`, async () => {
    if (!isAlive(child)) throw new Error(`${name} ended before it answered`);
    return ask().catch(() => false);
  });
}

function exists(path) {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
