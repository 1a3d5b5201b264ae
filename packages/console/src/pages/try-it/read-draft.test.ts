import { describe, expect, it } from 'vitest';
import { readDraft } from './read-draft.js';

const typed = { type: 'trigger', action: ' play ', data: '', url: '', display: '' } as const;

describe('the form of a command', () => {
  it('[SEC4] data is optional, and JSON when it is there', () => {
    expect(readDraft('s', typed)).toEqual({ draft: { type: 'trigger', screenId: 's', action: 'play' } });
    expect(readDraft('s', { ...typed, data: '{"a":[1,null]}' }).draft).toMatchObject({
      data: { a: [1, null] },
    });
    expect(readDraft('s', { ...typed, data: 'null' }).draft).toHaveProperty('data', null);
    expect(readDraft('s', { ...typed, data: '{a:1}' }).fault?.field).toBe('data');
  });

  it('[SEC4] an action or address that the server would refuse is told before it is sent', () => {
    expect(readDraft('s', { ...typed, action: 'no spaces' }).fault?.field).toBe('action');
    const navigate = { ...typed, type: 'navigate', url: 'javascript:alert(1)' } as const;
    expect(readDraft('s', navigate).fault?.field).toBe('url');
    expect(readDraft('s', { ...navigate, url: '//evil.example' }).fault?.field).toBe('url');
    expect(readDraft('s', { ...navigate, url: '/menu' }).draft).toMatchObject({ url: '/menu' });
  });

  it('[MSG3] a display is sent only when one was chosen', () => {
    expect(readDraft('s', { ...typed, display: '0' }).draft).toHaveProperty('displayIndex', 0);
    expect(readDraft('s', typed).draft).not.toHaveProperty('displayIndex');
  });
});
