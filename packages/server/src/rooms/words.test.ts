import { randomUUID } from 'node:crypto';
import type { Joined } from '@bongsu/protocol';
import { expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomNode, type RoomSite, type RoomSocket, siteForEach } from '../../test/support/room-site.js';
import type { Seat } from './seat.js';

const ROOM = { roomId: 'standup' };

describeEachDatabase('in which words somebody signals', (open) => {
  let site: RoomSite;
  let node: RoomNode;
  let host: RoomSocket;
  siteForEach(open, async (made) => {
    site = made;
    node = await site.node();
    host = node.connect(site.person());
    await host.send('create-room', { ...ROOM, name: 'Stand-up' });
  });

  const join = (socket: RoomSocket, options: object = {}) =>
    socket.send<Joined>('join-room', { ...ROOM, ...options });
  const seatOf = ({ node: { seats }, id }: RoomSocket) => seats.seatOf(id, ROOM.roomId) as Seat;
  /** As the relay does with the first signal of a seat. */
  const speak = (socket: RoomSocket, words: Seat['signaling']) => {
    const seat = seatOf(socket);
    seat.signaling = words;
    socket.node.seats.keepWords(seat);
  };

  test('[SIG4] [RM131] is kept with the seat, whatever else changes, and by whoever returns', async () => {
    const friend = node.connect(site.person());
    const { participantId } = await join(friend);
    speak(friend, 'events');
    const later = node.connect(site.person());
    const joining = join(later);
    expect(seatOf(friend).signaling).toBe('events');
    await joining;
    await friend.end();
    const back = node.connect(friend.user, randomUUID());
    await join(back, { participantId });
    expect(seatOf(back)).toMatchObject({ participantId, signaling: 'events' });
    expect(host.heard('user-returned')).toHaveLength(1);
  });

  test('[SIG4] [RM131] survives a restart, and reaches the other processes', async () => {
    const other = await site.node();
    const stranger = other.connect(site.person());
    await join(stranger);
    const friend = node.connect(site.person());
    const { participantId } = await join(friend);
    speak(friend, 'events');
    await site.quiet();
    const row = { room: { id: seatOf(stranger).room.id, ...ROOM } } as Seat;
    expect(other.seats.seat(row.room, participantId)?.signaling).toBe('events');
    await stranger.end();
    await node.crash();
    const next = await site.node();
    const back = next.connect(friend.user);
    await join(back, { participantId });
    expect(seatOf(back)).toMatchObject({ participantId, signaling: 'events' });
  });

  test('[SIG4] [RM131] is not lost when it cannot be written, and what the join asked for stands', async () => {
    const friend = node.connect(site.person());
    const { participantId } = await join(friend);
    site.isAway = true;
    speak(friend, 'events');
    await site.quiet();
    site.isAway = false;
    await friend.end();
    const back = node.connect(friend.user);
    await join(back, { participantId });
    expect(seatOf(back).signaling).toBe('events');
    await back.end();
    const again = node.connect(friend.user);
    await join(again, { participantId, signaling: 'signal' });
    speak(again, 'events');
    await site.quiet();
    const rows = await site.database.query('select signaling from room_participants where id = $1', [
      participantId,
    ]);
    expect(rows).toEqual([{ signaling: 'signal' }]);
  });
});
