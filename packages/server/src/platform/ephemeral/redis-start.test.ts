import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from '../../../test/support/redis.js';
import { type OpenedEphemeral, openRedisEphemeral } from '../../../test/support/redis-ephemeral.js';
import { freePort } from '../../chaos/processes.js';
import type { RedisConfig, RedisServer } from './redis-server.js';

const LONG_MS = 600_000;
const PASSWORD = 'hunter2-of-redis';

let opened: OpenedEphemeral[] = [];
async function open(server: RedisServer, config?: Partial<RedisConfig>): Promise<OpenedEphemeral> {
  const node = await openRedisEphemeral(server, config);
  opened.push(node);
  return node;
}
afterEach(async () => {
  await Promise.all(opened.map((node) => node.close()));
  opened = [];
});

const at = (port: number, more: Partial<RedisServer> = {}): RedisServer => ({
  kind: 'single',
  addresses: [{ host: '127.0.0.1', port }],
  db: 0,
  tls: false,
  ...more,
});

/** A server of that version, as far as anybody asks. */
async function startOldRedis(version: string) {
  const info = `redis_version:${version}\r\nrole:master\r\nloading:0\r\n`;
  const answers: Record<string, string> = {
    hello: '-NOPROTO unsupported protocol version\r\n',
    info: `$${info.length}\r\n${info}\r\n`,
    subscribe: '*3\r\n$9\r\nsubscribe\r\n$10\r\nbongsu:bus\r\n:1\r\n',
  };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const [, name = ''] of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n/g)) {
        socket.write(answers[name.toLowerCase()] ?? '+OK\r\n');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { port, close: () => new Promise((resolve) => server.close(resolve)) };
}

describeWithRedis('The start with Redis', () => {
  let redis: ThrowAwayRedis;
  beforeAll(async () => {
    redis = await startRedis({
      lines: [
        `requirepass ${PASSWORD}`,
        `user reader on >${PASSWORD} ~* &* +@read +info +hello +client`,
        `user other on >${PASSWORD} ~other:* &other:* +@all`,
      ],
      client: { password: PASSWORD },
    });
  });
  afterAll(() => redis.remove());

  test('[ND7] a wrong password, none, or an unknown user ends it; no password is in what is said', async () => {
    for (const login of [{ password: 'wrong-secret' }, {}, { user: 'nobody', password: 'wrong-secret' }]) {
      const error: unknown = await open(at(redis.port, login)).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        name: 'RedisRefused',
        message: expect.stringMatching(/^Redis refuses the user/),
      });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('wrong-secret');
    }
    const { ephemeral, log } = await open(at(redis.port, { password: PASSWORD }));
    expect(ephemeral.health()).toEqual({ status: 'ok' });
    expect(inspect(log.lines, { depth: 9 })).not.toContain(PASSWORD);
  });

  test('[ND7] a user that may not do what is needed, or not with these keys, ends it', async () => {
    const reader = at(redis.port, { user: 'reader', password: PASSWORD });
    await expect(open(reader)).rejects.toThrow(/^The user of REDIS_URL may not do/);
    const other = at(redis.port, { user: 'other', password: PASSWORD });
    await expect(open(other)).rejects.toThrow(/^The user of REDIS_URL may not do/);
    expect((await open(other, { prefix: 'other' })).ephemeral.health()).toEqual({ status: 'ok' });
  });

  test('[ND7] a database that is not there ends it', async () => {
    await expect(open(at(redis.port, { password: PASSWORD, db: 99 }))).rejects.toThrow(
      /DB index is out of range/,
    );
  });

  test('[ND7] a replica ends it', async () => {
    const replica = await startRedis({
      lines: [`replicaof 127.0.0.1 ${redis.port}`, `masterauth ${PASSWORD}`],
    });
    await expect(open(replica.server)).rejects.toThrow(
      /replica, which refuses writes: REDIS_URL must name the primary/,
    );
    await replica.remove();
  });

  test('[ND7] a version below 6.2 ends it', async () => {
    for (const version of ['5.0.14', '6.0.16']) {
      const old = await startOldRedis(version);
      await expect(open(at(old.port))).rejects.toThrow(
        `Redis ${version} is too old: Bongsu needs version 6.2 or later`,
      );
      await old.close();
    }
  });

  test('[ND2] one that cannot be reached does not: the start goes on without, and takes it when it comes', async () => {
    const port = await freePort();
    const { ephemeral, log } = await open(at(port));
    expect((await ephemeral.count('early', LONG_MS)).count).toBe(1);
    expect(ephemeral.health()).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'warn' }));
    const late = await startRedis({ port });
    await expect.poll(() => ephemeral.health()).toEqual({ status: 'ok' });
    await ephemeral.setIfAbsent('key', 'value', LONG_MS);
    expect(await late.command('get', 'bongsu:{v:key}')).toBe('value');
    await late.remove();
  });

  test('[ND8] an eviction policy that drops keys is warned of and degraded; set right, it is well after the next connection', async () => {
    const server = at(redis.port, { password: PASSWORD });
    await redis.command('config', 'set', 'maxmemory', '100mb');
    await redis.command('config', 'set', 'maxmemory-policy', 'allkeys-lru');
    const { ephemeral, log } = await open(server);
    const message = expect.stringContaining('set maxmemory-policy noeviction');
    expect(ephemeral.health()).toEqual({ status: 'degraded', message });
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    await redis.command('config', 'set', 'maxmemory-policy', 'noeviction');
    await redis.command('config', 'set', 'maxmemory', '0');
    await redis.command('client', 'kill', 'type', 'normal', 'skipme', 'yes');
    await expect.poll(() => ephemeral.health()).toEqual({ status: 'ok' });
  });

  test('[ND8] out of memory: degraded with a fitting text, counts go on in this process, and the bus works', async () => {
    const server = at(redis.port, { password: PASSWORD });
    const [one, other] = [await open(server), await open(server)];
    await redis.command('config', 'set', 'maxmemory', '1');
    expect((await one.ephemeral.count('full', LONG_MS)).count).toBe(1);
    expect((await one.ephemeral.count('full', LONG_MS)).count).toBe(2);
    expect(one.ephemeral.health().message).toMatch(/no memory left \(maxmemory\)/);
    const heard: unknown[] = [];
    other.ephemeral.bus.subscribe('news', (event) => heard.push(event));
    one.ephemeral.bus.publish('news', 'heard');
    await expect.poll(() => heard).toContainEqual(expect.objectContaining({ message: 'heard' }));
    expect((await open(server)).ephemeral.health().message).toMatch(/no memory left \(maxmemory\)/);
    await redis.command('config', 'set', 'maxmemory', '0');
    expect((await other.ephemeral.count('room', LONG_MS)).count).toBe(1);
  });
});

describeWithRedis('Redis over TLS', () => {
  let folder: string;
  let redis: ThrowAwayRedis;
  let ca: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bongsu-redis-tls-'));
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const subject = ['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, '-keyout', key, '-out', certificate, '-days', '2', ...subject],
      {
        stdio: 'ignore',
      },
    );
    ca = readFileSync(certificate, 'utf8');
    redis = await startRedis({
      lines: [
        'tls-port {port}',
        `tls-cert-file ${certificate}`,
        `tls-key-file ${key}`,
        'tls-auth-clients no',
        `requirepass ${PASSWORD}`,
      ],
      client: { password: PASSWORD, tls: { ca } },
    });
  });
  afterAll(async () => {
    await redis.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test('[ND9] a certificate that REDIS_CA_FILE signs is taken, with the password; another one is not', async () => {
    const server = at(redis.port, { tls: true, password: PASSWORD });
    const { ephemeral } = await open(server, { ca });
    await ephemeral.setIfAbsent('key', 'value', LONG_MS);
    expect(await redis.command('get', 'bongsu:{v:key}')).toBe('value');
    const stranger = await open(server);
    expect(stranger.ephemeral.health().message).toMatch(/self-signed certificate/i);
  });
});
