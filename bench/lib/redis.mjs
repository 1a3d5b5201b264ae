import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, start, stop, until } from './processes.mjs';

/** A Redis of our own in a temporary folder, which keeps nothing: what is promised does not depend on it. */
export async function startRedis({ core } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-redis-'));
  const port = await freePort();
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '""', appendonly: 'no' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  let child;
  const launch = async () => {
    child = start('redis-server', args, { core, stdio: 'ignore' });
    await until('Redis answers', () =>
      ask(port, 'PING').then(
        (answer) => answer.startsWith('+PONG'),
        () => false,
      ),
    );
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
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGCONT');
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One inline command, and the first that is answered. */
function ask(port, command) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.setTimeout(2000, () => socket.destroy(new Error('Redis does not answer')));
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
  });
}
