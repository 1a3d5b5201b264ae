import { expect, it } from 'vitest';
import { BusWatch } from './bus-watch.js';

it('[DL52] a living node that cannot be heard for 750 ms is loss, as is one not heard of before', () => {
  const watch = new BusWatch();
  expect(watch.isSilent(0)).toBe(false);
  watch.expect(['a'], 0);
  watch.expect(['a'], 500);
  expect(watch.isSilent(750)).toBe(false);
  expect(watch.isSilent(751)).toBe(true);
  expect(watch.heard('a', 800)).toBe(true);
  expect(watch.heard('a', 1050)).toBe(false);
  expect(watch.isSilent(1800)).toBe(false);
  expect(watch.isSilent(1801)).toBe(true);
  watch.expect([], 2000);
  expect(watch.isSilent(9000)).toBe(false);
  expect(watch.heard('a', 9000)).toBe(true);
});
