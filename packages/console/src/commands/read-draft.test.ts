import { describe, expect, it } from 'vitest';
import { readDraft } from './read-draft.js';

const target = { screenId: 's' };
const typed = { type: 'trigger', action: ' play ', data: '', url: '', display: '' } as const;

describe('the form of a command', () => {
  it('[SEC4] data is optional, and JSON when it is there', () => {
    expect(readDraft(target, typed)).toEqual({ draft: { type: 'trigger', target, action: 'play' } });
    expect(readDraft(target, { ...typed, data: '{"a":[1,null]}' }).draft).toMatchObject({
      data: { a: [1, null] },
    });
    expect(readDraft(target, { ...typed, data: 'null' }).draft).toHaveProperty('data', null);
    expect(readDraft(target, { ...typed, data: '{a:1}' }).fault?.field).toBe('data');
  });

  it('[SEC4] an action or address that the server would refuse is told before it is sent', () => {
    expect(readDraft(target, { ...typed, action: 'no spaces' }).fault?.field).toBe('action');
    const navigate = { ...typed, type: 'navigate', url: 'javascript:alert(1)' } as const;
    expect(readDraft(target, navigate).fault?.field).toBe('url');
    expect(readDraft(target, { ...navigate, url: '//evil.example' }).fault?.field).toBe('url');
    expect(readDraft(target, { ...navigate, url: '/menu' }).draft).toMatchObject({ url: '/menu' });
  });

  it('[MSG3] a display is sent only when one was chosen', () => {
    expect(readDraft(target, { ...typed, display: '0' }).draft).toHaveProperty('displayIndex', 0);
    expect(readDraft(target, typed).draft).not.toHaveProperty('displayIndex');
  });
});
