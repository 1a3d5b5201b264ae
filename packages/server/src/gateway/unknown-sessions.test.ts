import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { expect, it, onTestFinished } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { tellUnknownSessions } from './unknown-sessions.js';

it('[ND38] a poll of a session of another node is 400 "Session ID unknown", and the log says so once a minute', async () => {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const io = new Server(http);
  onTestFinished(() => io.close());
  const clock = new ManualClock();
  const log = memoryLog();
  tellUnknownSessions(io.engine, { clock, log });
  const poll = (query: string) =>
    fetch(
      `http://127.0.0.1:${(http.address() as AddressInfo).port}/socket.io/?EIO=4&transport=polling${query}`,
    );
  const refused = await poll('&sid=of-another-node');
  expect([refused.status, await refused.json()]).toEqual([400, { code: 1, message: 'Session ID unknown' }]);
  await poll('&sid=again');
  expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('balancer') }]);
  clock.advance(60_000);
  await poll('&transport=nonsense');
  await poll('&sid=a-minute-later');
  expect(log.lines).toHaveLength(2);
});
