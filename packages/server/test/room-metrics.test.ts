import { send, World } from '@bongsu/conformance';
import type { Joined } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';

const offer = { type: 'offer', sdp: 'v=0 offer' };
const answer = { type: 'answer', sdp: 'v=0 answer' };
const BUCKETS = ['1', '5', '15', '30', '60', '300', '600', '1800', '3600', '+Inf'];

describeEachServer('metrics of rooms', (start) => {
  it('[SIG9] [RM46] [RM117] connections, rooms and signals are counted, each by its name', async () => {
    const { url } = await start();
    const world = new World({ url });
    const read = async (line: string) => {
      const { text } = await world.http.get('/metrics');
      return Number(
        text
          .split('\n')
          .find((one) => one.startsWith(`${line} `))
          ?.slice(line.length),
      );
    };
    const [ann, ben] = [await world.person('owner'), await world.person('stranger')];
    const sockets = [await world.controller(ann), await world.controller(ben)] as const;
    const [first, second] = sockets;
    const made = (await send(first, 'create-room', { name: 'Stand-up' })) as Joined;
    const { roomId } = made;
    const joined = (await send(second, 'join-room', roomId)) as Joined;
    const toBen = { roomId, to: joined.participantId };
    const toAnn = { roomId, to: made.participantId };
    await send(first, 'signal', { ...toBen, negotiationId: 'a', description: offer });
    await send(second, 'signal', { ...toAnn, negotiationId: 'b', description: offer });
    await send(second, 'signal', { ...toAnn, negotiationId: 'a', description: answer });
    await send(second, 'ice-candidate', { ...toAnn, negotiationId: 'b', candidate: null });
    await send(first, 'signal', { ...toAnn, negotiationId: 'a', restart: true });
    const moved = {
      signaling_active_connections: 2,
      signaling_active_rooms: 1,
      signaling_rooms_created_total: 1,
      'bongsu_signals_total{kind="offer",outcome="relayed"}': 2,
      'bongsu_signals_total{kind="answer",outcome="relayed"}': 1,
      'bongsu_signals_total{kind="candidate",outcome="stale"}': 1,
      'bongsu_signals_total{kind="restart",outcome="refused"}': 1,
      bongsu_signal_glares_total: 1,
      bongsu_signals_stale_total: 1,
      bongsu_signal_bytes_total: 2 * offer.sdp.length + answer.sdp.length,
      signaling_connection_duration_seconds_count: 0,
    };
    for (const [line, value] of Object.entries(moved)) expect(await read(line), line).toBe(value);
    await send(second, 'leave-room', { roomId });
    for (const socket of sockets) socket.disconnect();
    await expect.poll(() => read('signaling_connection_duration_seconds_count')).toBe(2);
    // Ann's seat is kept for her.
    expect([await read('signaling_active_connections'), await read('signaling_active_rooms')]).toEqual([
      0, 1,
    ]);
    await world.http.call('DELETE', `/api/rooms/${roomId}`, { token: ann.accessToken });
    expect(await read('signaling_active_rooms')).toBe(0);
    const { text } = await world.http.get('/metrics');
    const buckets = text.matchAll(/^signaling_connection_duration_seconds_bucket\{le="([^"]+)"\} (\d)$/gm);
    expect([...buckets].map(([, bucket]) => bucket)).toEqual(BUCKETS);
  });
});
