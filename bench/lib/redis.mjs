import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuSeconds, freePort, start, stop, untilAnswers } from './processes.mjs';

/** A Redis of our own in a temporary folder, which keeps nothing: what is promised does not depend on it. */
export async function startRedis({ core } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-redis-'));
  const port = await freePort();
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '""', appendonly: 'no' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  let child;
  const launch = async () => {
    child = start('redis-server', args, { core, stdio: 'ignore' });
    await untilAnswers('Redis', child, async () => (await ask(port, 'PING')).startsWith('+PONG'));
  };
  await launch();
  return {
    get child() {
      return child;
    },
    url: `redis://127.0.0.1:${port}`,
    kill: () => stop(child, 'SIGKILL'),
    async restart() {
      if (child.exitCode !== null || child.signalCode !== null) await launch();
    },
    flush: () => ask(port, 'FLUSHALL'),
    cpuSeconds: () => cpuSeconds(child.pid),
    /** Commands since the last call, by name; those of scripts too. */
    async takeCommands() {
      const stats = await ask(port, 'INFO commandstats');
      await ask(port, 'CONFIG RESETSTAT');
      const calls = [...stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)];
      return Object.fromEntries(calls.map(([, name, count]) => [name, Number(count)]));
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGCONT');
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One inline command, and its whole answer. */
function ask(port, command) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.setTimeout(2000, () => socket.destroy(new Error('Redis does not answer')));
    socket.once('error', reject);
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (!isWhole(answer)) return;
      socket.destroy();
      resolve(answer);
    });
  });
}

/** A line, or `$` with the length of what follows it. */
function isWhole(answer) {
  const end = answer.indexOf('\r\n');
  if (end < 0) return false;
  return answer[0] !== '$' || answer.length >= end + 4 + Number(answer.slice(1, end));
}
