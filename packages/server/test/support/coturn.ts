import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { TurnClient } from './turn-client.js';

export interface Coturn {
  port: number;
  /** For TURN_URLS. */
  url: string;
  /** Its log so far. */
  output(): string;
  /** Ends it at once, relays and all, and removes its folder. */
  remove(): Promise<void>;
}

export interface CoturnOptions {
  secrets: readonly string[];
  /** The text of a turnserver.conf, whose ports, addresses and secrets are replaced. */
  configuration?: string;
  /** Further lines of it. */
  lines?: readonly string[];
}

const LOOPBACK = '127.0.0.1';

/** The path of its binary, or undefined when this machine has none. */
export function findCoturn(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders
    .map((folder) => join(folder, 'turnserver'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs the suite where there is a coturn. */
export function describeWithCoturn(title: string, suite: () => void): void {
  const isThere = findCoturn() !== undefined;
  if (!isThere && process.env.CI === 'true') throw new Error('No coturn: there is no turnserver on the PATH');
  describe.skipIf(!isThere)(title, suite);
}

/** What a test must decide itself, whatever a configuration says. */
const OURS =
  /^(listening-|tls-listening-|relay-ip|external-ip|static-auth-secret|cert|pkey|log-file|syslog|proc-)/;

function configurationOf(folder: string, port: number, options: CoturnOptions): string {
  const { secrets, configuration = 'allow-loopback-peers', lines = [] } = options;
  const given = configuration.split('\n').filter((line) => !OURS.test(line));
  return [
    ...given,
    `listening-ip=${LOOPBACK}`,
    `relay-ip=${LOOPBACK}`,
    `listening-port=${port}`,
    'relay-threads=1',
    'realm=bongsu.test',
    'use-auth-secret',
    ...secrets.map((secret) => `static-auth-secret=${secret}`),
    'no-cli',
    'no-tls',
    'no-dtls',
    'log-file=stdout',
    `pidfile=${join(folder, 'pid')}`,
    `userdb=${join(folder, 'users')}`,
    ...lines,
  ].join('\n');
}

/** A coturn of our own on a free port, on the loopback only; no service of this machine, and nothing outside of its temporary folder. */
export async function startCoturn(options: CoturnOptions): Promise<Coturn> {
  const binary = findCoturn();
  if (!binary) throw new Error('This machine has no coturn');
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-coturn-'));
  const port = await freeUdpPort();
  const file = join(folder, 'turnserver.conf');
  await writeFile(file, configurationOf(folder, port, options));
  const server = spawn(binary, ['-c', file], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-100_000);
    });
  }
  const remove = async () => {
    await end(server);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(port, server, () => output);
  } catch (error) {
    await remove();
    throw error;
  }
  return { port, url: `turn:${LOOPBACK}:${port}?transport=udp`, output: () => output, remove };
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  // It has nothing to put in order, and takes seconds to do so.
  server.kill('SIGKILL');
  await ended;
}

/** One that is free for UDP and for TCP. */
async function freeUdpPort(): Promise<number> {
  const tcp = createServer().listen(0, LOOPBACK);
  await once(tcp, 'listening');
  const address = tcp.address();
  if (address === null || typeof address === 'string') throw new Error('No port');
  const udp = createSocket('udp4').bind(address.port, LOOPBACK);
  await once(udp, 'listening');
  udp.close();
  tcp.close();
  await once(tcp, 'close');
  return address.port;
}

/** Asks until it answers. */
async function untilReady(port: number, server: ChildProcess, output: () => string): Promise<void> {
  const client = await TurnClient.open(port);
  const giveUpAt = Date.now() + 30_000;
  try {
    while (Date.now() < giveUpAt) {
      if (server.exitCode !== null) throw new Error(`coturn did not start: ${output()}`);
      const late = new Promise((resolve) => setTimeout(resolve, 50, 'late'));
      if ((await Promise.race([client.ping(), late])) !== 'late') return;
    }
  } finally {
    client.close();
  }
  throw new Error(`coturn was not ready in 30 s: ${output()}`);
}
