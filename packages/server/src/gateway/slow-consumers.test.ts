import { expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { connectPair } from '../../test/support/socket-pair.js';
import { SlowConsumers } from './slow-consumers.js';

it('[SK20] ends a socket whose peer does not read, after two looks, and leaves the others', async () => {
  const [slow, brisk] = await Promise.all([connectPair(), connectPair()]);
  const clock = new ManualClock();
  let ended = 0;
  const watch = new SlowConsumers({
    clock,
    consumers: () => [slow.connection, brisk.connection],
    onEnded: () => {
      ended += 1;
    },
  });
  watch.start();
  slow.stopReading();
  const text = 'x'.repeat(64 * 1024);
  const last = new Promise<void>((resolve) => brisk.client.on('last', resolve));
  for (const { connection } of [slow, brisk]) {
    // More than the kernel's buffers of both ends take.
    for (let n = 0; n < 400; n += 1) connection.emit('text', { text });
    connection.emit('last', {});
  }
  await last;
  expect(slow.connection.queuedBytes()).toBeGreaterThan(1024 * 1024);
  expect(brisk.connection.queuedBytes()).toBe(0);
  await clock.advance(1000);
  expect(slow.connection.isConnected).toBe(true);
  await clock.advance(1000);
  expect([slow.connection.isConnected, brisk.connection.isConnected, ended]).toEqual([false, true, 1]);
  watch.stop();
});
