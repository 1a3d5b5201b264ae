import type { Command, CommandStatus, Delivery } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { displayOf, restOf, saying, shownState, targetOf, withStatus } from './command-state.js';

const pending: Delivery = {
  screenId: 'scr_1',
  status: 'pending',
  attempts: 0,
  executedAt: null,
  error: null,
};
const waiting: Command = {
  id: 'a',
  type: 'trigger',
  target: { screenId: 'scr_1' },
  status: 'accepted',
  acceptedAt: 0,
  deliveries: [pending],
};
const news = (change: Partial<CommandStatus>): CommandStatus => ({
  id: 'a',
  screenId: 'scr_1',
  status: 'executed',
  attempt: 1,
  at: 50,
  ...change,
});

describe('the state of a command', () => {
  it('[MSG3] tells waiting from being tried again, and keeps the word of what has ended', () => {
    expect(shownState(waiting)).toBe('waiting');
    expect(shownState({ ...waiting, deliveries: [{ ...pending, status: 'retrying' }] })).toBe('retrying');
    expect(shownState({ ...waiting, status: 'partial' })).toBe('partial');
  });

  it('[MSG3] a status over the socket updates the delivery and the command', () => {
    const retrying = withStatus(waiting, news({ status: 'retrying', error: 'no file', nextAt: 90 }));
    expect(retrying.status).toBe('accepted');
    expect(retrying.deliveries).toEqual([
      { ...pending, status: 'retrying', attempts: 1, error: 'no file', nextAt: 90 },
    ]);
    const done = withStatus(retrying, news({ attempt: 2 }));
    expect(done.status).toBe('executed');
    expect(done.deliveries[0]).toEqual({ ...pending, status: 'executed', attempts: 2, executedAt: 50 });
    const dead = withStatus(waiting, news({ status: 'dead', reason: 'rejected', error: 'no' }));
    expect([dead.status, dead.deliveries[0]?.reason]).toEqual(['dead', 'rejected']);
  });

  it('[MSG3] what has ended never changes again, and a status that comes late changes nothing', () => {
    const done = withStatus(waiting, news({}));
    expect(withStatus(done, news({ status: 'retrying', attempt: 2 }))).toBe(done);
    const third = withStatus(waiting, news({ status: 'retrying', attempt: 3 }));
    expect(withStatus(third, news({ status: 'retrying', attempt: 2 }))).toBe(third);
    expect(withStatus({ ...waiting, status: 'cancelled', deliveries: [] }, news({})).status).toBe(
      'cancelled',
    );
    expect(withStatus(waiting, news({ id: 'b' }))).toBe(waiting);
  });

  it('[MSG3] a room command ends with its last screen: with their common state, or partly', () => {
    const room = { ...waiting, deliveries: [pending, { ...pending, screenId: 'scr_2' }] };
    const half = withStatus(room, news({}));
    expect(half.status).toBe('accepted');
    expect(withStatus(half, news({ screenId: 'scr_2' })).status).toBe('executed');
    expect(withStatus(half, news({ screenId: 'scr_2', status: 'expired' })).status).toBe('partial');
  });

  it('[USR1] says in a line what a command says, and shows the rest apart', () => {
    expect(saying('trigger', { action: 'play', data: 1 })).toBe('play');
    expect(saying('navigate', { url: '/menu', displayIndex: 2 })).toBe('/menu');
    expect(saying('trigger', undefined)).toBe('trigger');
    expect(restOf({ action: 'play', data: null })).toEqual({ data: null });
    expect(restOf({ url: '/menu', displayIndex: 2 })).toBeUndefined();
    expect(displayOf({ displayIndex: 0 })).toBe(0);
    expect(targetOf({ target: { roomId: 'r' } })).toEqual({ kind: 'room', id: 'r' });
  });
});
