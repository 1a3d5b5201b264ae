import performance from 'node:perf_hooks';
import { expect, it, vi } from 'vitest';
import { Metrics } from './metrics.js';

it('[SIG9] the process is measured once, and told by all servers that run in it', async () => {
  const first = new Metrics();
  const begun = vi.spyOn(performance, 'monitorEventLoopDelay');
  const second = new Metrics();
  expect(begun).not.toHaveBeenCalled();
  second.gauge('bongsu_rooms', 'Rooms');
  expect(await first.text()).not.toContain('bongsu_rooms');
  for (const metrics of [first, second])
    expect(await metrics.text()).toContain('nodejs_eventloop_lag_seconds');
  expect(await second.text()).toMatch(/^bongsu_rooms 0$/m);
});
