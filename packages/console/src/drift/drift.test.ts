import { describe, expect, it } from 'vitest';
import { differsSince, ON_ITS_WAY_MS, shownPages } from './drift.js';

const at = 1_700_000_000_000;
const should = (url: string, since = at) => ({ url, at: since, commandId: 'a' });
const states = (screen: Parameters<typeof shownPages>[0], now = at + ON_ITS_WAY_MS) =>
  shownPages(screen, now).map(({ state }) => state);

describe('desired and reported pages', () => {
  it('[BEY2] a display that shows what it should is the same, whatever a browser made of the address', () => {
    const same = (desired: string, reported: string) =>
      states({ online: true, desired: { 0: should(desired) }, reported: { 0: { url: reported, at } } });
    expect(same('/menu', '/menu')).toEqual(['same']);
    expect(same('https://Menu.example', 'https://menu.example/')).toEqual(['same']);
    expect(same('https://menu.example/a', 'https://menu.example/a/')).toEqual(['differs']);
  });

  it('[BEY2] a young difference is on its way; only an old one of a screen that is there differs', () => {
    const screen = { online: true, desired: { 0: should('/b') }, reported: { 0: { url: '/a', at: at - 5 } } };
    expect(states(screen, at + ON_ITS_WAY_MS - 1)).toEqual(['coming']);
    expect(states(screen)).toEqual(['differs']);
    expect(states({ ...screen, online: false })).toEqual(['away']);
  });

  it('[BEY2] a screen that never said what it shows differs from what it should', () => {
    expect(states({ online: true, desired: { 0: should('/a') }, reported: {} })).toEqual(['differs']);
    expect(states({ online: true, desired: {}, reported: { 0: { url: '/a', at } } })).toEqual(['same']);
    expect(states({ online: true, desired: {}, reported: {} })).toEqual([]);
  });

  it('[BEY2] a screen that went elsewhere by itself differs since it said so', () => {
    const reported = { 0: { url: '/b', at: at + 60_000 } };
    const screen = { online: true, desired: { 0: should('/a') }, reported };
    expect(states(screen, at + 60_001)).toEqual(['coming']);
    const [page] = shownPages(screen, at + 120_000);
    expect(page?.state).toBe('differs');
    expect(page && differsSince(page)).toBe(at + 60_000);
  });

  it('[BEY2] lists each display once, those that differ first', () => {
    const pages = shownPages(
      {
        online: true,
        desired: { 2: should('/a'), 10: should('/c') },
        reported: { 0: { url: '/z', at }, 2: { url: '/a', at }, 10: { url: '/b', at } },
      },
      at + ON_ITS_WAY_MS,
    );
    expect(pages.map(({ displayIndex }) => displayIndex)).toEqual([10, 0, 2]);
  });
});
