import { describe, expect, it } from 'vitest';
import { isNavigable, NavigateSchema, ReceiptSchema, TriggerSchema } from './commands.js';
import { parseInput } from './common.js';
import { MAX_DATA_BYTES } from './limits.js';

const ID = '0190c1d2-7b3a-7c4d-8e5f-0123456789ab';
const base = { id: ID, timestamp: 1_800_000_000_000, target: { screenId: 'scr_1' } };
const trigger = (extra: object) => ({ ...base, action: 'lights.on', ...extra });

function codeOf(
  input: unknown,
  schema: typeof TriggerSchema | typeof NavigateSchema = TriggerSchema,
): string {
  try {
    parseInput(schema, input);
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = [value];
  return value;
}

describe('TriggerSchema', () => {
  it('[SEC4] takes a full command and strips what it does not know', () => {
    const parsed = parseInput(
      TriggerSchema,
      trigger({ id: ID.toUpperCase(), data: { a: [1, 'x'] }, extra: 1 }),
    );
    expect(parsed).toEqual({ ...base, action: 'lights.on', data: { a: [1, 'x'] }, notify: 'all' });
  });

  it.each([
    ['a missing id', { id: undefined }],
    ['a null id', { id: null }],
    ['an id that is no UUID', { id: 'abc' }],
    ['a text as timestamp', { timestamp: 'now' }],
    ['a fraction as timestamp', { timestamp: 1.5 }],
    ['no target', { target: undefined }],
    ['two targets', { target: { screenId: 'a', roomId: 'abc' } }],
    ['NUL in the target', { target: { screenId: 'a\0' } }],
    ['an action with spaces', { action: 'a b' }],
    ['an action of 65', { action: 'a'.repeat(65) }],
    ['displayIndex 99', { displayIndex: 99 }],
    ['displayIndex 1.5', { displayIndex: 1.5 }],
    ['ttlMs 0', { ttlMs: 0 }],
    ['ttlMs -1', { ttlMs: -1 }],
    ['retries 11', { retries: 11 }],
    ['an unknown notify', { notify: 'some' }],
    ['NUL in data', { data: { a: 'x\0' } }],
    ['NUL in a key of data', { data: { 'x\0': 1 } }],
    ['a lone surrogate in data', { data: ['\uD800'] }],
    ['a lone surrogate in a nonce', { nonce: 'a\uDC00' }],
    ['nesting over 32', { data: nested(33) }],
    ['bytes in data', { data: new Uint8Array(2) }],
    ['NaN in data', { data: Number.NaN }],
  ])('[SEC4] refuses %s', (_title, change) => {
    expect(codeOf(trigger(change))).toBe('VALIDATION_ERROR');
  });

  it.each([undefined, {}, { screenId: 'scr_a', roomId: 'abc' }])(
    '[SEC4] says what is wrong with target %j',
    (target) => {
      const details = [{ path: 'target', message: 'must have exactly one of screenId and roomId' }];
      expect(() => parseInput(TriggerSchema, trigger({ target }))).toThrow(
        expect.objectContaining({ details }),
      );
    },
  );

  it.each([[[]], [1], [null], ['x'], [undefined], [true]])('[SEC4] refuses %j as payload', (input) => {
    expect(codeOf(input)).toBe('VALIDATION_ERROR');
  });

  it('[SEC4] takes nesting of 32 and data of 16 KiB, and says PAYLOAD_TOO_LARGE beyond', () => {
    expect(codeOf(trigger({ data: nested(32) }))).toBe('ok');
    expect(codeOf(trigger({ data: 'x'.repeat(MAX_DATA_BYTES - 2) }))).toBe('ok');
    expect(codeOf(trigger({ data: 'x'.repeat(MAX_DATA_BYTES - 1) }))).toBe('PAYLOAD_TOO_LARGE');
    // Counted in bytes, not characters.
    expect(codeOf(trigger({ data: '한'.repeat(MAX_DATA_BYTES / 3) }))).toBe('PAYLOAD_TOO_LARGE');
  });

  it('[SEC4] keeps __proto__ as plain data and merges nothing', () => {
    const data = JSON.parse('{"__proto__":{"polluted":true}}');
    const parsed = parseInput(TriggerSchema, trigger({ data }));
    expect(JSON.stringify(parsed.data)).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('isNavigable', () => {
  it.each(['http://a.example/x', 'https://a.example', 'HTTPS://A.example', '/menu', '/', '/menu?x=1#y'])(
    '[SEC4] takes %s',
    (url) => {
      expect(isNavigable(url)).toBe(true);
    },
  );

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'java\nscript:alert(1)',
    ' https://a.example',
    'https://',
    '//evil.example',
    '/\\evil.example',
    'menu',
    '',
    'ftp://a',
    'file:///etc/passwd',
    'https://a b',
  ])('[SEC4] refuses %j', (url) => {
    expect(isNavigable(url)).toBe(false);
    expect(codeOf({ ...base, url }, NavigateSchema)).toBe('VALIDATION_ERROR');
  });
});

describe('ReceiptSchema', () => {
  it('[DL20] cuts a long error instead of losing the receipt', () => {
    const receipt = parseInput(ReceiptSchema, { status: 'failed', error: `\0${'x'.repeat(900)}` });
    expect(receipt).toMatchObject({ status: 'failed', retryable: true });
    expect('error' in receipt && receipt.error).toHaveLength(500);
  });

  it.each([[null], ['executed'], [{}], [{ status: 'done' }], [{ status: 'executed', seq: 'x' }]])(
    '[DL20] refuses %j',
    (receipt) => {
      expect(ReceiptSchema.safeParse(receipt).success).toBe(false);
    },
  );
});
