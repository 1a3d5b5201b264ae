import type { Pairing } from '@bongsu/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type Answer, type ScreensHarness, screensHarness } from '../../test/support/screens.js';
import type { UserPrincipal } from '../platform/principal.js';
import { makeCode, normalizeCode } from './pairing-code.js';
import { PAIRING_LIMITS } from './pairing-limits.js';
import { hashSecret, openAnswer, sealAnswer } from './pairing-secret.js';

const MINUTE_MS = 60_000;
const errorOf = ({ status, body }: Answer) => ({ status, code: body.error?.code });
const NOT_FOUND = { status: 404, code: 'NOT_FOUND' };
const CLOSED = { status: 410, code: 'PAIRING_CLOSED' };
const LIMITED = { status: 429, code: 'RATE_LIMIT' };

describeEachDatabase('pairing', (open, profile) => {
  let harness: ScreensHarness;
  let lastAddress = 0;
  /** Limits count by address and by person, so every test takes its own. */
  const address = () => {
    lastAddress += 1;
    return `10.0.${lastAddress >> 8}.${lastAddress & 255}`;
  };
  beforeAll(async () => {
    harness = await screensHarness(await open());
  });
  afterAll(() => harness?.stop());

  const claim = (who: UserPrincipal, code: string, options: { from?: string; name?: string } = {}) =>
    harness.call(who, 'POST', '/screens/pairings/claim', {
      body: { code, name: options.name ?? 'Lobby' },
      from: options.from ?? address(),
    });
  const poll = (
    { pairingId, pairingSecret }: Pick<Pairing, 'pairingId' | 'pairingSecret'>,
    from = address(),
  ) =>
    harness.call(undefined, 'POST', `/screens/pairings/${pairingId}/token`, {
      body: { pairingSecret },
      from,
    });

  test('[SC6] a device gets a code to show and a secret to keep', async () => {
    const pairing = await harness.startPairing(address());
    expect(pairing).toEqual({
      pairingId: expect.stringMatching(/^pair_[0-9a-z]{20}$/),
      pairingSecret: expect.stringMatching(/^[\w-]{43}$/),
      code: expect.stringMatching(/^[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}$/),
      expiresIn: 600,
      intervalMs: 2_000,
    });
    expect(await poll(pairing)).toEqual({ status: 202, body: { status: 'pending' } });
  });

  test('[SC8] whoever types the code owns the screen and sees which device it was', async () => {
    const person = harness.person();
    const from = address();
    const pairing = await harness.startPairing(from);
    const typed = ` ${pairing.code.toLowerCase().replace('-', ' – ')} `;
    const { status, body } = await claim(person, typed, { name: '로비' });
    expect(status).toBe(200);
    expect(body.device).toEqual({ address: from, userAgent: 'Test Device' });
    expect(body.screen).toMatchObject({ name: '로비', owner: { userId: person.userId }, online: false });
    expect((await harness.call(person, 'GET', '/screens')).body.items).toEqual([body.screen]);
  });

  test('[SC8] claiming again answers the same screen; for anybody else the code is gone', async () => {
    const [person, other] = [harness.person(), harness.person()];
    const pairing = await harness.startPairing(address());
    const first = await claim(person, pairing.code);
    expect(await claim(person, pairing.code, { name: 'Another name' })).toEqual(first);
    const refused = await claim(other, pairing.code);
    expect(errorOf(refused)).toEqual(NOT_FOUND);
    const unknown = await claim(other, makeCode());
    expect({ ...refused.body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' });
  });

  test('[SC8] of many claims at once one person gets the one screen', async () => {
    const people = [harness.person(), harness.person(), harness.person(), harness.person()];
    const pairing = await harness.startPairing(address());
    const claims = await Promise.all(
      people.flatMap((who) => [claim(who, pairing.code), claim(who, pairing.code)]),
    );
    const won = claims.filter(({ status }) => status === 200);
    expect(won).toHaveLength(2);
    expect(new Set(won.map(({ body }) => body.screen.screenId)).size).toBe(1);
    const owned = await Promise.all(people.map((who) => harness.call(who, 'GET', '/screens')));
    expect(owned.flatMap(({ body }) => body.items)).toHaveLength(1);
  });

  test('[SC10] the device gets the same answer until it uses it, then PAIRING_CLOSED', async () => {
    const person = harness.person();
    const pairing = await harness.startPairing(address());
    const { screenId } = (await claim(person, pairing.code)).body.screen;
    const polls = await Promise.all([poll(pairing), poll(pairing), poll(pairing)]);
    polls.push(await poll(pairing));
    for (const answer of polls) expect(answer).toEqual(polls[0]);
    const credential = polls[0]?.body ?? {};
    expect(polls[0]?.status).toBe(200);
    expect(Object.keys(credential).sort()).toEqual(['accessToken', 'expiresIn', 'refreshToken', 'screenId']);
    expect(credential.screenId).toBe(screenId);

    const principal = await harness.identity.authenticate(String(credential.accessToken));
    expect(principal).toMatchObject({ kind: 'screen', screenId });
    expect(await harness.identity.deviceUsed(screenId)).toBe(true);
    expect(errorOf(await poll(pairing))).toEqual(CLOSED);
    expect(errorOf(await poll(pairing))).toEqual(CLOSED);
    expect(await harness.identity.authenticate(String(credential.accessToken))).toEqual(principal);
  });

  test('[SC10] a wrong secret answers as an unknown pairing', async () => {
    const pairing = await harness.startPairing(address());
    const [from, pairingSecret] = [address(), 'x'.repeat(43)];
    const wrong = await poll({ ...pairing, pairingSecret }, from);
    const unknown = await poll({ pairingId: 'pair_0', pairingSecret }, from);
    expect(errorOf(wrong)).toEqual(NOT_FOUND);
    expect({ ...wrong.body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' });
    expect((await poll(pairing)).status).toBe(202);
  });

  test('[SC10] neither secret, token nor answer is stored in the clear', async () => {
    const pairing = await harness.startPairing(address());
    await claim(harness.person(), pairing.code);
    const { body } = await poll(pairing);
    const [row] = await harness.database.query<{ stored: string }>(
      "select row_to_json(p)::text || encode(p.answer, 'escape') as stored from pairings p where id = $1",
      [pairing.pairingId],
    );
    expect(row?.stored).toContain(pairing.code);
    for (const secret of [pairing.pairingSecret, body.accessToken, body.refreshToken]) {
      expect(row?.stored).not.toContain(String(secret));
    }
  });

  test('[SC10] a code ends after ten minutes, unclaimed; a claim gives its device ten more', async () => {
    const person = harness.person();
    const [late, claimed] = [await harness.startPairing(address()), await harness.startPairing(address())];
    harness.clock.advance(10 * MINUTE_MS - 1);
    expect((await claim(person, claimed.code)).status).toBe(200);
    harness.clock.advance(1);
    expect(errorOf(await claim(person, late.code))).toEqual(NOT_FOUND);
    expect(errorOf(await poll(late))).toEqual(CLOSED);
    harness.clock.advance(9 * MINUTE_MS);
    expect((await poll(claimed)).status).toBe(200);
    harness.clock.advance(10 * MINUTE_MS);
    expect(errorOf(await poll(claimed))).toEqual(CLOSED);
  });

  test('[SC10] ended pairings are removed, and with them the addresses of their devices', async () => {
    const from = address();
    await harness.startPairing(from);
    harness.clock.advance(22 * MINUTE_MS);
    const rows = () => harness.database.query('select 1 from pairings where address = $1', [from]);
    await expect.poll(rows).toHaveLength(0);
  });

  test('[SC12] credentials that the owner takes end a pairing under way', async () => {
    const person = harness.person();
    const pairing = await harness.startPairing(address());
    const { screenId } = (await claim(person, pairing.code)).body.screen;
    const before = (await poll(pairing)).body;
    const own = (await harness.call(person, 'POST', `/screens/${screenId}/credentials`)).body;
    expect(errorOf(await poll(pairing))).toEqual(CLOSED);
    await expect(harness.identity.authenticate(String(before.accessToken))).rejects.toMatchObject({
      code: 'TOKEN_REVOKED',
    });
    expect(await harness.identity.authenticate(String(own.accessToken))).toMatchObject({ screenId });
  });

  test('[SC4] deleting the screen ends its pairing', async () => {
    const person = harness.person();
    const pairing = await harness.startPairing(address());
    const { screenId } = (await claim(person, pairing.code)).body.screen;
    expect((await harness.call(person, 'DELETE', `/screens/${screenId}`)).status).toBe(204);
    expect(errorOf(await poll(pairing))).toEqual(NOT_FOUND);
    expect(errorOf(await claim(person, pairing.code))).toEqual(NOT_FOUND);
  });

  test('[SC4] deleting and redeeming at once leave no login behind', async () => {
    const person = harness.person();
    for (let i = 0; i < 5; i += 1) {
      const pairing = await harness.startPairing(address());
      const { screenId } = (await claim(person, pairing.code)).body.screen;
      await expectDeleted(harness.call(person, 'DELETE', `/screens/${screenId}`), poll(pairing));
    }
  });

  test.runIf(profile === 'postgres')('[SC4] nor does a deletion that overtakes a redemption', async () => {
    const person = harness.person();
    const pairing = await harness.startPairing(address());
    const { screenId } = (await claim(person, pairing.code)).body.screen;
    const { database } = harness;
    const waiting = async () => {
      const rows = await database.query(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length;
    };
    // Whoever holds the pairing's row decides when the redemption goes on, so that the deletion has begun by then.
    const both = await database.transaction(async (tx) => {
      await tx.query('select 1 from pairings where id = $1 for update', [pairing.pairingId]);
      const polled = poll(pairing);
      await expect.poll(waiting).toBe(1);
      const deleted = harness.call(person, 'DELETE', `/screens/${screenId}`);
      await expect.poll(waiting).toBe(2);
      return { polled, deleted };
    });
    await expectDeleted(both.deleted, both.polled);
    expect((await both.polled).status).toBe(200);
  });

  /** Whichever came first, the screen is gone, and what the device may have got is worth nothing. */
  const expectDeleted = async (deletion: Promise<Answer>, polling: Promise<Answer>) => {
    const [deleted, polled] = await Promise.all([deletion, polling]);
    expect(deleted.status).toBe(204);
    expect([200, 404, 410]).toContain(polled.status);
    if (polled.status !== 200) return;
    await expect(harness.identity.authenticate(String(polled.body.accessToken))).rejects.toMatchObject({
      code: 'TOKEN_REVOKED',
    });
  };

  test('[SC16] [SEC3] ten wrong codes a minute stop a person from any address, right codes included', async () => {
    const person = harness.person();
    const pairing = await harness.startPairing(address());
    const guesses = await Promise.all(Array.from({ length: 30 }, () => claim(person, makeCode())));
    expect(guesses.filter(({ status }) => status === 404)).toHaveLength(10);
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(20);
    expect(errorOf(await claim(person, pairing.code))).toEqual(LIMITED);
    harness.clock.advance(MINUTE_MS);
    expect((await claim(person, pairing.code)).status).toBe(200);
  });

  test('[SC16] [SEC3] ten wrong codes a minute stop an address, whoever is signed in', async () => {
    const from = address();
    const guesses: Answer[] = [];
    for (let i = 0; i < 12; i += 1) guesses.push(await claim(harness.person(), 'not a code', { from }));
    expect(guesses.slice(0, 10).map(errorOf)).toEqual(Array(10).fill(NOT_FOUND));
    expect(guesses.slice(10).map(errorOf)).toEqual(Array(2).fill(LIMITED));
  });

  test('[SC16] right codes are not counted: a person sets up 15 screens in a minute', async () => {
    const person = harness.person();
    const from = address();
    for (let i = 0; i < 15; i += 1) {
      const { code } = await harness.startPairing(address());
      expect((await claim(person, code, { from })).status).toBe(200);
    }
  });

  test('[SC16] [SEC3] an address makes ten codes a minute; a device asks once a second', async () => {
    const from = address();
    const made: Answer[] = [];
    for (let i = 0; i < 11; i += 1)
      made.push(await harness.call(undefined, 'POST', '/screens/pairings', { from }));
    expect(made.map(({ status }) => status)).toEqual([...Array(10).fill(200), 429]);
    const pairing = made[0]?.body as unknown as Pairing;
    const polls: Answer[] = [];
    for (let i = 0; i < 61; i += 1) polls.push(await poll(pairing, from));
    expect(polls.map(({ status }) => status)).toEqual([...Array(60).fill(202), 429]);
  });

  test('[SC16] [SEC3] asking for unknown pairings is limited by address and stops nobody else', async () => {
    const from = address();
    const polls: Answer[] = [];
    for (let i = 0; i < 61; i += 1) {
      polls.push(await poll({ pairingId: `pair_${i}`, pairingSecret: 'x' }, from));
    }
    expect(polls.map(({ status }) => status)).toEqual([...Array(60).fill(404), 429]);
    expect((await poll(await harness.startPairing(address()))).status).toBe(202);
  });

  test.each([
    ['a number', 5],
    ['NUL', 'ABCD\u00002345'],
    ['nothing', ''],
    ['too much', 'A'.repeat(41)],
  ])('[SC8] a code that is %s is refused', async (_name, code) => {
    const refused = await harness.call(harness.person(), 'POST', '/screens/pairings/claim', {
      body: { code, name: 'Lobby' },
      from: address(),
    });
    expect(errorOf(refused)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
  });
});

describeEachDatabase('pairing bounds', (open) => {
  test('[SC16] open codes are bounded by address and in all, even with rate limits lifted', async () => {
    const config = { pairing: { ...PAIRING_LIMITS, maxOpenPerAddress: 3, maxOpen: 5 } };
    const harness = await screensHarness(await open(), { config, rateLimits: false });
    const make = async (from: string) =>
      errorOf(await harness.call(undefined, 'POST', '/screens/pairings', { from }));
    const made = { status: 200, code: undefined };
    for (let i = 0; i < 3; i += 1) expect(await make('10.1.0.1')).toEqual(made);
    expect(await make('10.1.0.1')).toEqual(LIMITED);
    for (let i = 0; i < 2; i += 1) expect(await make('10.1.0.2')).toEqual(made);
    expect(await make('10.1.0.3')).toEqual({ status: 503, code: 'BUSY' });
    harness.clock.advance(10 * MINUTE_MS);
    expect(await make('10.1.0.1')).toEqual(made);
    await harness.stop();
  });
});

describe('pairing codes', () => {
  test('[SC6] every code reads the same however it is typed', () => {
    const separators = fc.stringMatching(/^[ \t\-–—._]{0,3}$/);
    fc.assert(
      fc.property(fc.array(separators, { minLength: 9, maxLength: 9 }), fc.boolean(), (gaps, lower) => {
        const code = makeCode();
        const bare = code.replace('-', '');
        const typed = gaps.map((gap, i) => gap + (bare[i] ?? '')).join('');
        expect(normalizeCode(lower ? typed.toLowerCase() : typed)).toBe(code);
      }),
    );
    expect(normalizeCode('ＡＢＣＤ－２３４５')).toBe('ABCD-2345');
  });

  test('[SC6] codes have no look-alikes, and use all of the rest', () => {
    const used = new Set(Array.from({ length: 2_000 }, makeCode).join('').replaceAll('-', ''));
    expect([...used].sort().join('')).toBe('23456789ABCDEFGHJKMNPQRSTUVWXYZ');
  });

  test('[SC6] what can be no code is none', () => {
    fc.assert(fc.property(fc.string({ maxLength: 7 }), (text) => normalizeCode(text) === undefined));
    for (const text of ['ABCD-234', 'ABCD-23456', 'ABCD-234O', 'ABCD-2340', 'ABCD/2345']) {
      expect(normalizeCode(text)).toBeUndefined();
    }
  });
});

describe('sealed answers', () => {
  const answer = { screenId: 'scr_1', accessToken: 'a', refreshToken: 'r', expiresIn: 900 };

  test('[SC10] open with the same secret for the same pairing, and with nothing else', () => {
    const sealed = sealAnswer('secret', 'pair_1', answer);
    expect(openAnswer('secret', 'pair_1', sealed)).toEqual(answer);
    expect(() => openAnswer('other', 'pair_1', sealed)).toThrow();
    expect(() => openAnswer('secret', 'pair_2', sealed)).toThrow();
    sealed.forEach((_byte, i) => {
      const altered = Uint8Array.from(sealed);
      altered[i] = (altered[i] ?? 0) ^ 1;
      expect(() => openAnswer('secret', 'pair_1', altered)).toThrow();
    });
    expect(sealAnswer('secret', 'pair_1', answer)).not.toEqual(sealed);
  });

  test('[SC10] the stored hash is no key', () => {
    const hash = Buffer.from(hashSecret('secret')).toString('base64url');
    expect(() => openAnswer(hash, 'pair_1', sealAnswer('secret', 'pair_1', answer))).toThrow();
  });
});
