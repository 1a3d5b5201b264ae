import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { type Place, Places } from './places.js';

const [here, there] = [{ url: 'http://here' }, { url: 'http://there' }] as const;

/** What one socket sends and another is delivered, at these places. */
function deliver(places: Places, from: Place, to: Place, id: string): void {
  const noted: Record<string, (event: string, payload: unknown) => void> = {};
  const socket = {
    onAny: (task: (typeof noted)[string]) => {
      noted.came = task;
    },
    onAnyOutgoing: (task: (typeof noted)[string]) => {
      noted.sent = task;
    },
  } as unknown as Socket;
  places.watch(socket, from);
  noted.sent?.('trigger', { id });
  places.watch(socket, to);
  noted.came?.('trigger', { id });
}

function seen({ crossed, stayed }: { crossed: number; stayed: number }): Places {
  const places = new Places([here, there]);
  for (let n = 0; n < crossed; n += 1) deliver(places, here, there, `crossed ${n}`);
  for (let n = 0; n < stayed; n += 1) deliver(places, here, here, `stayed ${n}`);
  return places;
}

describe('[BEY3] what crossed from node to node', () => {
  it('[BEY3] is enough with the least share of the least number', () => {
    seen({ crossed: 4, stayed: 6 }).expectCrossed({ share: 0.4, deliveries: 10 });
  });

  it.each([
    ['too small a share', { crossed: 39, stayed: 61 }],
    ['too few deliveries', { crossed: 9, stayed: 0 }],
    ['none at all', { crossed: 0, stayed: 0 }],
  ])('[BEY3] is not with %s', (_, deliveries) => {
    expect(() => seen(deliveries).expectCrossed({ share: 0.4, deliveries: 10 })).toThrow(
      `${deliveries.crossed} of `,
    );
  });

  it('[BEY3] is not asked for on one node', () => {
    new Places([here]).expectCrossed({ share: 0.4, deliveries: 10 });
  });
});
