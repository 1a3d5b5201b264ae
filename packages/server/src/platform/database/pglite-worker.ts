/** Worker thread: PGlite, whose statements block the thread that runs them. Started by pglite-host.ts only. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import type { FromWorker, PgliteWorkerData, ToWorker } from './pglite-messages.js';

/** Measured: these take the whole server from some 300 to some 165 MB. One connection is all there is. */
const TUNING = { shared_buffers: '8MB', max_connections: '4', min_wal_size: '32MB', max_wal_size: '64MB' };

/** After these the engine cannot go on, and PGlite would try for ever: the thread ends and is started anew. */
const DEADLY = /\bPANIC:|^Aborted\(/m;

if (!parentPort) throw new Error('Not a worker thread');
const port = parentPort;
const { cluster } = workerData as PgliteWorkerData;

const database = await PGlite.create({
  dataDir: cluster,
  startParams: [
    ...PGlite.defaultStartParams,
    ...Object.entries(TUNING).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ],
  onStderr: (text) => {
    if (DEADLY.test(text)) {
      process.stderr.write(`${text}\n`);
      process.exit(1);
    }
    return false;
  },
});

port.on('message', (message: ToWorker) => {
  if (message === 'close') void close();
  else void answer(message);
});
tell('ready');

/** By the streaming call: the plain one also parses every answer and keeps it for ever. */
async function answer(message: Uint8Array): Promise<void> {
  const chunks: Uint8Array[] = [];
  await database.execProtocolRawStream(message, {
    syncToFs: false,
    onRawData: (bytes) => chunks.push(bytes.slice()),
  });
  const only = chunks[0];
  tell(chunks.length === 1 && only ? only : new Uint8Array(Buffer.concat(chunks)));
}

function tell(message: FromWorker): void {
  port.postMessage(message);
}

async function close(): Promise<void> {
  await database.close();
  await syncTree(cluster);
  tell('closed');
  port.close();
}

/** PGlite never waits for the disk; after a clean stop nothing may be missing even when the power fails. */
async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const handle = await open(join(entry.parentPath, entry.name), 'r');
    await handle.sync().catch(() => undefined);
    await handle.close();
  }
}
