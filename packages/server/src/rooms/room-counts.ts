import type { Metrics } from '../platform/metrics.js';

export interface RoomCounts {
  created(): void;
}

/** @param active how many rooms have sockets on this node */
export function countRooms(metrics: Metrics, active: () => number): RoomCounts {
  metrics.gauge('signaling_active_rooms', 'Rooms with sockets on this node', [], (gauge) =>
    gauge.set(active()),
  );
  const created = metrics.counter('signaling_rooms_created_total', 'Rooms made on this node');
  return { created: () => created.inc() };
}
