import { expect, it } from 'vitest';
import { Wire } from './tcp-proxy.js';

it('keeps the order of a connection, also when a delay ends with bytes on their way', async () => {
  const passed: string[] = [];
  const wire = new Wire();
  wire.pass(() => passed.push('a'), 30);
  wire.pass(() => passed.push('b'), 10);
  const last = new Promise<void>((resolve) => wire.pass(resolve, 0));
  await last;
  expect(passed).toEqual(['a', 'b']);
  wire.pass(() => passed.push('c'), 0);
  expect(passed).toEqual(['a', 'b', 'c']);
});
