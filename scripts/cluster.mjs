/**
 * npm run cluster -- [--nodes N] [--balancer haproxy|nginx] [--port P]: PostgreSQL, Redis, N nodes and a balancer on the loopback, to
 * try and to look at. A node that ends, or is killed, is started again. Ends with Ctrl-C, and when anything else of it ends; nothing
 * of it stays.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { endWithParent, requireNode, say } from './lib/process.mjs';

const USAGE = 'Usage: npm run cluster -- [--nodes 2] [--balancer haproxy|nginx] [--port 8080]';

function readOptions() {
  try {
    const text = { type: 'string' };
    const options = { nodes: text, balancer: text, port: text, help: { type: 'boolean', short: 'h' } };
    const { nodes = '2', balancer = 'haproxy', port = '8080', help } = parseArgs({ options }).values;
    if (help) {
      console.log(USAGE);
      process.exit(0);
    }
    const isSense = /^[1-9]\d?$/.test(nodes) && /^\d+$/.test(port) && /^(haproxy|nginx)$/.test(balancer);
    if (!isSense) throw new Error('1 to 99 nodes, a port, and haproxy or nginx');
    return { nodes: Number(nodes), balancer, ...(port === '0' ? {} : { port: Number(port) }) };
  } catch (error) {
    say(`${error.message}\n${USAGE}`);
    return process.exit(2);
  }
}

requireNode();
const options = readOptions();
await installIfNeeded();
await build();
if (process.env.npm_lifecycle_event) endWithParent(process.ppid);
const { Cluster } = await import('../bench/lib/cluster.mjs');

// All that it writes, also what a start that was cut short leaves; PostgreSQL runs as another user.
const folder = mkdtempSync(join(tmpdir(), 'bongsu-'));
chmodSync(folder, 0o755);
process.env.TMPDIR = folder;
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));

let end = () => {};
const over = new Promise((resolve) => {
  end = resolve;
});
let isOver = false;
/** Nodes that are being started again. */
const restarts = new Set();
const asked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    asked.abort();
    end(signal);
  });
}

const cluster = await Cluster.start({ ...options, lifted: false, signal: asked.signal }).catch((error) => {
  if (!asked.signal.aborted) say(`The cluster could not start: ${error.message}`);
  process.exit(asked.signal.aborted ? 0 : 1);
});
const { postgres, redis, balancer, nodes } = cluster;
const parts = { PostgreSQL: postgres, Redis: redis, [balancer.engine]: balancer };
for (const [name, { child }] of Object.entries(parts)) child.once('exit', () => end(`${name} ended`));
for (const node of nodes) keepUp(node);

const [link = 'shown by the first node only'] = /http\S+\/setup#\S+/.exec(nodes[0].output) ?? [];
console.log(`
  Bongsu on ${nodes.length} nodes is ready:  ${cluster.url}
  First administrator (the link works once):  ${link}
  ${balancer.engine}, with https:  ${balancer.secureUrl} (its certificate signs itself)
${nodes.map(({ name, url, child }) => `  ${name}:  ${url}  metrics ${url}/metrics  pid ${child.pid}`).join('\n')}
  PostgreSQL:  ${cluster.settings.DATABASE_URL}
  Redis:  ${redis.url}
  Stop it with Ctrl-C.
`);
const why = await over;
isOver = true;
say(`Stopping: ${why}`);
await Promise.all(restarts);
await cluster.stop();
process.exit(/^SIG/.test(why) ? 0 : 1);

/** As a service manager does. */
function keepUp(node) {
  const { child } = node;
  const onEnd = () => {
    if (isOver) return;
    say(`${node.name} ended (${child.signalCode ?? `exit code ${child.exitCode}`}): starting it again`);
    const restart = node.start().then(
      () => {
        say(`${node.name} is back:  ${node.url}  pid ${node.child.pid}`);
        keepUp(node);
      },
      (error) => end(`${node.name} did not start again: ${error.message}`),
    );
    restarts.add(restart);
    void restart.then(() => restarts.delete(restart));
  };
  if (node.alive) child.once('exit', onEnd);
  else onEnd();
}
