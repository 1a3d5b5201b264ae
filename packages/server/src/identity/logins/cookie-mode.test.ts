import { describe, expect, it } from 'vitest';
import { onlyCookie } from './cookie-mode.js';

describe('onlyCookie', () => {
  it.each([
    ['a=1', '1'],
    ['b=2; a=1', '1'],
    ['b=2;a=1;\tc=3', '1'],
    ['a= 1 ', '1'],
    ['a=x=y', 'x=y'],
    ['a=', ''],
    [undefined, undefined],
    ['', undefined],
    ['a', undefined],
    ['A=1', undefined],
    ['a=1; a=2', undefined],
    ['a=1; a=1', undefined],
  ])('[SEC1] %j: %j', (header, expected) => {
    expect(onlyCookie(header, 'a')).toBe(expected);
  });

  // As Node reads the bytes of a header: each is one character.
  it.each(['\u00a0', '\u00e2\u0080\u0080', '\u0085', '\u000b', '$Version=1,'])(
    '[SEC1] a name with %j in front is another name',
    (odd) => {
      expect(onlyCookie(`${odd}__Host-bongsu_rt=planted`, '__Host-bongsu_rt')).toBeUndefined();
      const both = `${odd}__Host-bongsu_rt=planted; __Host-bongsu_rt=ours`;
      expect(onlyCookie(both, '__Host-bongsu_rt')).toBe('ours');
    },
  );
});
