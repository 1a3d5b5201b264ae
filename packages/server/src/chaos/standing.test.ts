import { expect, it } from 'vitest';
import type { ControllerRecord, ScreenRecord } from './history.js';
import { standingAt } from './standing.js';

const invoke = (id: string, at: number): ControllerRecord => ({
  ...{
    kind: 'invoke',
    id,
    screen: 's',
    transmission: '1',
    type: 'trigger',
    display: 0,
    expect: 'accepted',
    at,
  },
});
const ok = (id: string, at: number): ControllerRecord => ({
  ...{
    kind: 'ok',
    id,
    transmission: '1',
    stream: 'screen:s',
    seq: 1,
    epoch: 'e',
    acceptedAt: 1,
    duplicate: false,
    at,
  },
});
const told = (id: string, status: string, at: number): ControllerRecord => ({
  ...{ kind: 'told', id, screen: 's', status, attempt: 0, at },
});
const run = (id: string, at: number): ScreenRecord => ({
  ...{ kind: 'run', screen: 's', id, stream: 'screen:s', seq: 1, epoch: 'e', attempt: 1, at },
});

it('[MSG5] what stands open: not what ran, nor what ended without running', () => {
  const ids = ['ran', 'superseded', 'open', 'retried', 'ends-silently'];
  const controllers = [
    ...ids.flatMap((id) => [invoke(id, 1), ok(id, 2)]),
    invoke('unanswered', 8),
    told('superseded', 'superseded', 5),
    told('retried', 'retrying', 5),
    told('retried', 'dead', 20),
  ];
  const screens = [run('ran', 5), run('open', 15)];
  expect(standingAt({ controllers, screens }, 10)).toEqual({ accepted: 5, unsettled: 2, unanswered: 1 });
});
