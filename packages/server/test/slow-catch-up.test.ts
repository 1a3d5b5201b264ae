import { expect, test } from 'vitest';
import type { RoomEntry } from '../src/commands/index.js';
import { SlowConsumers } from '../src/gateway/slow-consumers.js';
import { NamespaceGroups } from '../src/gateway/socket-groups.js';
import { silentLog } from '../src/platform/log.js';
import type { GroupEvent } from '../src/platform/push.js';
import { CatchUp } from '../src/rooms/catch-up.js';
import type { LiveStream } from '../src/rooms/live-stream.js';
import { userPrincipal } from './support/commands.js';
import { ManualClock } from './support/manual-clock.js';
import { connectPair } from './support/socket-pair.js';

const TOTAL = 1500;
/** As many as a page ever has, so that the bytes alone keep it from sending all at once. */
const PAGE = 300;
const data = 'x'.repeat(15 * 1024);
const entryOf = (seq: number): RoomEntry => ({
  ...{ id: String(seq), type: 'message', stream: 'room:lobby', seq, acceptedAt: 0 },
  sender: { userId: 'u', username: 'Ada' },
  fields: { data },
});
const pageAfter = (seq: number) =>
  Array.from({ length: Math.min(PAGE, TOTAL - seq) }, (_, n) => entryOf(seq + n + 1));

test('[RM83] [SK20] a socket that reads slowly is not ended for what it is caught up with, and gets all of it', async () => {
  const { client, connection, namespace, stopReading, goOnReading } = await connectPair();
  const clock = new ManualClock();
  let ended = 0;
  const watch = new SlowConsumers({
    clock,
    consumers: () => [connection],
    onEnded: () => {
      ended += 1;
    },
  });
  watch.start();
  const groups = new NamespaceGroups();
  groups.bind(namespace);
  const live = {
    ...{ group: 'feed', listen() {}, forget() {} },
    position: () => ({ epoch: 'epoch', lastSeq: TOTAL }),
  } as unknown as LiveStream;
  const catchUp = new CatchUp(live, connection.asRoomSocket(userPrincipal()), {
    ...{ groups, clock, log: silentLog },
    missed: async (seq) => pageAfter(seq),
  });
  const heard: number[] = [];
  client.on('message' satisfies GroupEvent, ({ seq }) => heard.push(seq));
  stopReading();
  const caughtUp = catchUp.run(0);
  let most = 0;
  const unread = () => {
    most = Math.max(most, connection.queuedBytes());
    return connection.queuedBytes();
  };
  const passing = () => {
    const bytes = unread();
    clock.advance(20);
    return bytes;
  };
  // The kernel's buffers are full.
  await expect.poll(passing, { interval: 10 }).toBeGreaterThan(256 * 1024);
  for (let second = 0; second < 5; second += 1) clock.advance(1000);
  expect([connection.isConnected, ended]).toEqual([true, 0]);
  goOnReading();
  await expect
    .poll(
      () => {
        passing();
        return heard.length;
      },
      { interval: 10 },
    )
    .toBe(TOTAL);
  await caughtUp;
  watch.stop();
  expect(heard).toEqual(Array.from({ length: TOTAL }, (_, n) => n + 1));
  expect([most < 1024 * 1024, ended]).toEqual([true, 0]);
});
