import { MAX_DATA_BYTES, MAX_NESTING } from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectFailure } from '../support/http.js';
import { expectAccepted, expectRefused, send } from '../support/sockets.js';
import { type GetWorld, navigate, trigger } from '../support/world.js';

const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
};
/** JSON text of exactly that many bytes. */
const sized = (bytes: number): string => 'x'.repeat(bytes - 2);
const DAY_MS = 24 * 3_600_000;

/** Bad over sockets and over HTTP alike. */
const BAD_TRIGGERS: [string, Record<string, unknown>][] = [
  ['[ER5] NUL in the action', { action: 'a\u0000b' }],
  ['[ER5] NUL in data', { data: 'a\u0000b' }],
  ['[ER5] NUL deep in data', { data: { list: [{ text: 'a\u0000' }] } }],
  ['[ER5] NUL in a key of data', { data: { 'a\u0000': 1 } }],
  ['[ER5] a lone high surrogate in data', { data: ['a\uD800'] }],
  ['[ER5] a lone low surrogate in data', { data: { x: '\uDC00b' } }],
  ['[ER5] a lone surrogate in a key', { data: { '\uD800': 1 } }],
  ['[ER5] NUL in the nonce', { nonce: '\u0000' }],
  ['[ER7] data nested one deeper than allowed', { data: nested(MAX_NESTING + 1) }],
  ['[ER7] data nested 1,000 deep', { data: nested(1000) }],
  ['[ER9] a null id', { id: null }],
  ['[ER9] an id that is no UUID', { id: 'seventeen' }],
  ['[ER9] a number as id', { id: 17 }],
  ['[ER9] an empty id', { id: '' }],
  ['[ER9] a UUID with NUL', { id: `${v4()}\u0000` }],
  ['[ER10] displayIndex 99', { displayIndex: 99 }],
  ['[ER10] displayIndex -1', { displayIndex: -1 }],
  ['[ER10] displayIndex 1.5', { displayIndex: 1.5 }],
  ['[ER10] displayIndex as text', { displayIndex: '1' }],
  ['[ER10] ttlMs 0', { ttlMs: 0 }],
  ['[ER10] a negative ttlMs', { ttlMs: -1 }],
  ['[ER10] a ttlMs above the retention', { ttlMs: 366 * DAY_MS }],
  ['[ER10] a huge ttlMs', { ttlMs: 1e300 }],
  ['[ER10] 11 retries', { retries: 11 }],
  ['[ER10] -1 retries', { retries: -1 }],
  ['[ER10] an empty action', { action: '' }],
  ['[ER10] an action of 65 characters', { action: 'x'.repeat(65) }],
  ['[ER10] an action with a space', { action: 'show it' }],
  ['[ER10] a list as action', { action: ['show'] }],
  ['[ER10] an unknown notify', { notify: 'sometimes' }],
  ['[ER10] an empty nonce', { nonce: '' }],
  ['[ER10] a negative timestamp', { timestamp: -1 }],
  ['[ER10] a timestamp as text', { timestamp: '2026-01-01' }],
];

const BAD_URLS = [
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  ' javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'file:///etc/passwd',
  'vbscript:x',
  'blob:https://example.com/x',
  '//evil.example.com',
  '/\\evil.example.com',
  'menu',
  '',
  'http://',
  'https://a b',
  'https://example.com/\u0000',
  'https://example.com/\uD800',
  `https://example.com/${'x'.repeat(2048)}`,
  7,
  null,
];

const BAD_TARGETS: unknown[] = [
  undefined,
  null,
  'x',
  7,
  [],
  {},
  { screenId: '' },
  { screenId: null },
  { screenId: 7 },
  { screenId: ['x'] },
  { screenId: 'a\u0000b' },
  { screenId: '\uD800' },
  { screenId: 'x'.repeat(101) },
  { screenId: 'x', roomId: 'abc' },
];

export function badInputRules(world: GetWorld): void {
  /** One screen and one socket for all: what is refused must leave nothing behind, so each case finds seq where it was. */
  const setUp = async () => {
    const owner = await world().person('owner');
    const { screenId } = await world().createScreen(owner);
    return { owner, screenId, socket: await world().controller(owner) };
  };

  it.each(BAD_TRIGGERS)('%s is VALIDATION_ERROR and leaves nothing behind', async (_, over) => {
    const { owner, screenId, socket } = await setUp();
    expectRefused(await send(socket, 'trigger', trigger(screenId, over)), 'VALIDATION_ERROR');
    const path = `/api/screens/${screenId}/trigger`;
    const body = { action: 'show', ...over };
    expectFailure(await world().http.post(path, body, owner.accessToken), 400, 'VALIDATION_ERROR');
    expect(expectAccepted(await send(socket, 'trigger', trigger(screenId))).seq).toBe(1);
  });

  it.each(['id', 'timestamp', 'target', 'action'])(
    '[ER9] [ER10] without %s: VALIDATION_ERROR',
    async (field) => {
      const { screenId, socket } = await setUp();
      const answer = await send(socket, 'trigger', trigger(screenId, { [field]: undefined }));
      const { details } = expectRefused(answer, 'VALIDATION_ERROR');
      expect(details).toEqual([expect.objectContaining({ path: expect.stringMatching(`^${field}`) })]);
    },
  );

  it.each(BAD_TARGETS)('[ER10] the target %j is VALIDATION_ERROR', async (target) => {
    const { socket } = await setUp();
    expectRefused(await send(socket, 'trigger', { ...trigger('x'), target }), 'VALIDATION_ERROR');
  });

  it.each(BAD_URLS)('[ER11] the url %j is VALIDATION_ERROR', async (url) => {
    const { owner, screenId, socket } = await setUp();
    expectRefused(await send(socket, 'navigate', navigate(screenId, { url })), 'VALIDATION_ERROR');
    const path = `/api/screens/${screenId}/navigate`;
    expectFailure(await world().http.post(path, { url }, owner.accessToken), 400, 'VALIDATION_ERROR');
  });

  it.each(['https://example.com', 'http://localhost:8080/a?b=c#d', '/', '/menu/봉수'])(
    '[ER11] the url %j is accepted',
    async (url) => {
      const { screenId, socket } = await setUp();
      expectAccepted(await send(socket, 'navigate', navigate(screenId, { url })));
    },
  );

  it.each([[null], [7], ['text'], [[]], [[1, 2]], [true], [{}]])(
    '[ER8] the payload %j is VALIDATION_ERROR',
    async (payload) => {
      const { socket } = await setUp();
      for (const event of ['trigger', 'navigate', 'status', 'auth-refresh']) {
        expectRefused(await send(socket, event, payload), 'VALIDATION_ERROR');
      }
    },
  );

  it('[ER8] events with a callback and no payload are VALIDATION_ERROR', async () => {
    const { socket } = await setUp();
    for (const event of ['trigger', 'navigate', 'status', 'auth-refresh']) {
      expectRefused(await send(socket, event), 'VALIDATION_ERROR');
    }
  });

  it('[ER6] 16 KiB of data pass, one byte more does not', async () => {
    const { owner, screenId, socket } = await setUp();
    const fits = trigger(screenId, { data: sized(MAX_DATA_BYTES) });
    expectAccepted(await send(socket, 'trigger', fits));
    const data = sized(MAX_DATA_BYTES + 1);
    expectRefused(await send(socket, 'trigger', trigger(screenId, { data })), 'PAYLOAD_TOO_LARGE');
    const path = `/api/screens/${screenId}/trigger`;
    const answer = await world().http.post(path, { action: 'show', data }, owner.accessToken);
    expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE');
  });

  it('[ER6] the size counts bytes, not characters', async () => {
    const { screenId, socket } = await setUp();
    const data = '봉'.repeat(6000);
    expectRefused(await send(socket, 'trigger', trigger(screenId, { data })), 'PAYLOAD_TOO_LARGE');
  });

  it('[ER7] data nested as deep as allowed passes', async () => {
    const { screenId, socket } = await setUp();
    expectAccepted(await send(socket, 'trigger', trigger(screenId, { data: nested(MAX_NESTING) })));
  });

  it('[ER9] [DL25] over HTTP a missing id is no fault', async () => {
    const { owner, screenId } = await setUp();
    const path = `/api/screens/${screenId}/trigger`;
    const answer = await world().http.post(path, { action: 'show', id: undefined }, owner.accessToken);
    expect(answer.status, answer.text).toBe(202);
  });

  it('[ER5] an id refused for its content may be used again', async () => {
    const { screenId, socket } = await setUp();
    const id = v7();
    expectRefused(
      await send(socket, 'trigger', trigger(screenId, { id, data: '\u0000' })),
      'VALIDATION_ERROR',
    );
    const good = expectAccepted(await send(socket, 'trigger', trigger(screenId, { id })));
    expect(good).toMatchObject({ id, seq: 1, duplicate: false });
  });
}
