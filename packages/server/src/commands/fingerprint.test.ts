import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sortedJson, writeContent } from './fingerprint.js';

const target = { screenId: 'scr_a' };
const trigger = (data: unknown, extra = {}) =>
  writeContent({ type: 'trigger', action: 'show', data, ...extra }, target);

it('[DL5] [MSG1] the order of keys does not make another command', () => {
  const one = trigger({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: 4 } });
  const two = trigger({ b: { f: 4, c: [1, { e: 3, d: 2 }] }, a: 1 });
  expect(two.fingerprint).toBe(one.fingerprint);
  expect(one.fingerprint).toMatch(/^[0-9a-f]{32}$/);
  expect(two.payload).toBe('{"action":"show","data":{"b":{"f":4,"c":[1,{"e":3,"d":2}]},"a":1}}');
});

it('[DL5] every part of the content counts', () => {
  const contents = [
    trigger(1),
    trigger('1'),
    trigger([1]),
    trigger(undefined),
    trigger(null),
    trigger(1, { displayIndex: 0 }),
    trigger(1, { displayIndex: 1 }),
    writeContent({ type: 'trigger', action: 'hide', data: 1 }, target),
    writeContent({ type: 'trigger', action: 'show', data: 1 }, { screenId: 'scr_b' }),
    writeContent({ type: 'trigger', action: 'show', data: 1 }, { roomId: 'scr_a' }),
    writeContent({ type: 'navigate', url: '/show' }, target),
    writeContent({ type: 'navigate', url: '/show', displayIndex: 1 }, target),
  ];
  expect(new Set(contents.map(({ fingerprint }) => fingerprint)).size).toBe(contents.length);
});

it('[DL5] a key named __proto__ is a key like any other', () => {
  const data: unknown = JSON.parse('{"__proto__":{"admin":true},"a":1}');
  expect(trigger(data).payload).toContain('"__proto__":{"admin":true}');
  expect(trigger(data).fingerprint).not.toBe(trigger({ a: 1 }).fingerprint);
});

it('[DL5] the payload is the JSON of the own fields, on one line, and sorting keeps the value', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined }),
      (data, displayIndex) => {
        const { payload } = writeContent({ type: 'trigger', action: 'show', data, displayIndex }, target);
        expect(payload).not.toContain('\n');
        const display = displayIndex === undefined ? {} : { displayIndex };
        expect(JSON.parse(payload)).toEqual(JSON.parse(JSON.stringify({ action: 'show', data, ...display })));
        expect(JSON.parse(sortedJson(data))).toEqual(JSON.parse(JSON.stringify(data)));
      },
    ),
  );
});
