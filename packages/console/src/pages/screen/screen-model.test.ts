import type { Entry } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { destinationOf, learn, type ScreenModel, STARTING } from './screen-model.js';

function entry(seq: number, url?: string): Entry {
  const base = {
    id: `id-${seq}`,
    stream: 'screen:scr_1',
    seq,
    epoch: 'e',
    attempt: 1,
    acceptedAt: 0,
    from: { userId: 'u', username: 'Jiho' },
  };
  return url === undefined
    ? { ...base, type: 'trigger', action: 'play' }
    : { ...base, type: 'navigate', url };
}

const shown = (model: ScreenModel) => model.received.map(({ entry: { seq } }) => seq);

describe('the screen page', () => {
  it('[MED4] keeps the page of the last navigate while triggers come and go', () => {
    let model = learn(STARTING, { type: 'paired' });
    model = learn(model, { type: 'entry', entry: entry(1, 'https://a.example'), at: 1 });
    model = learn(model, { type: 'entry', entry: entry(2), at: 2 });
    expect(model.url).toBe('https://a.example');
    expect(shown(model)).toEqual([2, 1]);
  });

  it('[MED4] shows the last thirty, newest first', () => {
    let model = STARTING;
    for (let seq = 1; seq <= 40; seq += 1)
      model = learn(model, { type: 'entry', entry: entry(seq), at: seq });
    expect(shown(model)).toHaveLength(30);
    expect(shown(model)[0]).toBe(40);
  });

  it('[MED4] losing the connection takes nothing off the screen, being unpaired takes all', () => {
    let model = learn(learn(STARTING, { type: 'paired' }), { type: 'entry', entry: entry(1), at: 1 });
    model = learn(model, { type: 'link', link: 'offline' });
    expect(shown(model)).toEqual([1]);
    expect(learn(model, { type: 'unpaired' })).toEqual(STARTING);
  });

  it('[SEC4] frames only pages of other origins: what is ours would share our rights', () => {
    const https = 'https://bongsu.example';
    expect(destinationOf('https://shop.example/menu', https).kind).toBe('frame');
    expect(destinationOf('/menu', https).kind).toBe('path');
    expect(destinationOf('https://bongsu.example/screens', https).kind).toBe('path');
    expect(destinationOf('http://shop.example/', https).kind).toBe('insecure');
    expect(destinationOf('http://shop.example/', 'http://127.0.0.1:3000').kind).toBe('frame');
  });
});
