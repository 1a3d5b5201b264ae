import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface TransactionPooler {
  url: string;
  close(): Promise<void>;
}

const STARTUP_LENGTH = 4;

/**
 * What PgBouncer's transaction mode does to sessions: all clients share one backend and each has it for the length of
 * a transaction. Knows just enough of the protocol for that: where a message ends and whether a transaction is open.
 */
export async function startTransactionPooler(url: string): Promise<TransactionPooler> {
  const target = new URL(url);
  const backend = connect(Number(target.port || 5432), target.hostname);
  let owner: Socket | undefined;
  let started: Socket | undefined;
  let greeting: Buffer | undefined;
  let pending = Buffer.alloc(0);
  const waiting: { client: Socket; chunk: Buffer }[] = [];

  const next = () => {
    const turn = owner ? undefined : waiting.shift();
    if (!turn) return;
    owner = turn.client;
    backend.write(turn.chunk);
  };
  backend.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    const idle = readsIdle(pending);
    const receiver = started ?? owner;
    if (idle === undefined) return;
    receiver?.write(pending);
    if (started) greeting = pending;
    started = undefined;
    pending = Buffer.alloc(0);
    if (idle) owner = undefined;
    next();
  });

  const listener = createServer((client) => {
    client.on('error', () => {});
    client.on('data', (chunk) => {
      const isStartup =
        chunk[0] === 0 && chunk.readInt32BE(0) === chunk.length && chunk.length > STARTUP_LENGTH;
      if (isStartup && greeting) client.write(greeting);
      else if (isStartup) {
        started = client;
        backend.write(chunk);
      } else if (chunk[0] === 'X'.charCodeAt(0)) client.end();
      else if (owner === client) backend.write(chunk);
      else {
        waiting.push({ client, chunk });
        next();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('No port');
  const pooled = new URL(url);
  pooled.hostname = '127.0.0.1';
  pooled.port = String(address.port);
  return {
    url: pooled.href,
    async close() {
      backend.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** Undefined until ReadyForQuery is the last message; then whether no transaction is open. */
function readsIdle(bytes: Buffer): boolean | undefined {
  let at = 0;
  let last: { type: number; status: number } | undefined;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) return undefined;
    last = { type: bytes[at] ?? 0, status: bytes[at + 5] ?? 0 };
    at = end;
  }
  if (at !== bytes.length || last?.type !== 'Z'.charCodeAt(0)) return undefined;
  return last.status === 'I'.charCodeAt(0);
}
