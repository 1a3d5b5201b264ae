import {
  ClaimedPairingSchema,
  DeviceCredentialSchema,
  PairingPendingSchema,
  PairingSchema,
} from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import type { GetWorld } from '../support/world.js';

/** Few codes: a server makes ten a minute for one address. */
export function pairingRules(world: GetWorld): void {
  const begin = async () => {
    const answer = await world().http.post('/api/screens/pairings', {});
    expect([200, 201]).toContain(answer.status);
    return PairingSchema.parse(answer.body);
  };
  const claim = async (code: string, name = 'Kiosk') =>
    world().http.post(
      '/api/screens/pairings/claim',
      { code, name },
      (await world().person('owner')).accessToken,
    );
  const token = (pairingId: string, pairingSecret: string) =>
    world().http.post(`/api/screens/pairings/${pairingId}/token`, { pairingSecret });

  it('[SC6] a device asks for a code without a login', async () => {
    const pairing = await begin();
    expect(pairing.code).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
    expect(pairing.expiresIn).toBeGreaterThan(30);
    expect(pairing.intervalMs).toBeGreaterThan(0);
    expect((await begin()).code).not.toBe(pairing.code);
  });

  it('[SC7] until it is claimed the device hears that it is pending, others nothing', async () => {
    const { pairingId, pairingSecret } = await begin();
    expectBody(await token(pairingId, pairingSecret), 202, PairingPendingSchema);
    expectFailure(await token(pairingId, 'wrong'), 404, 'NOT_FOUND');
    expectFailure(await token(v4(), pairingSecret), 404, 'NOT_FOUND');
    for (const secret of [undefined, null, 7, '', 'a\u0000b', ['x']]) {
      const path = `/api/screens/pairings/${pairingId}/token`;
      const answer = await world().http.post(path, { pairingSecret: secret });
      expect([400, 404], answer.text).toContain(answer.status);
    }
    expectBody(await token(pairingId, pairingSecret), 202, PairingPendingSchema);
  });

  it('[SC8] whoever claims a code sees the device, however the code is typed', async () => {
    const ways: ((code: string) => string)[] = [
      (code) => code.toLowerCase().replace('-', ''),
      (code) => ` ${code.replace('-', ' ')} `,
    ];
    for (const way of ways) {
      const { code } = await begin();
      const answer = await claim(way(code), 'Kiosk 7');
      expect([200, 201], answer.text).toContain(answer.status);
      const { screen, device } = ClaimedPairingSchema.parse(answer.body);
      expect(screen).toMatchObject({ name: 'Kiosk 7', online: false });
      expect(device.address).toMatch(/[0-9a-f.:]+/);
      expect(device.userAgent).toEqual(expect.any(String));
    }
  });

  it('[SC8] [SC9] [HT11] claiming needs a login, and a code that nobody else has claimed', async () => {
    const { code } = await begin();
    const nobody = await world().http.post('/api/screens/pairings/claim', { code, name: 'Kiosk' });
    expectFailure(nobody, 401, 'AUTH_ERROR');
    expectFailure(await claim('ZZZZ-9999'), 404, 'NOT_FOUND');
    const first = await claim(code);
    expect(first.status, first.text).toBe(200);
    expect((await claim(code)).body).toEqual(first.body);
    const { accessToken } = await world().person('stranger');
    const body = { code, name: 'Mine' };
    const late = await world().http.post('/api/screens/pairings/claim', body, accessToken);
    expectFailure(late, 404, 'NOT_FOUND');
  });

  it('[SC10] after the claim the device gets its credential until it uses it, then never again', async () => {
    const { code, pairingId, pairingSecret } = await begin();
    const { screen } = ClaimedPairingSchema.parse((await claim(code)).body);
    const first = expectBody(await token(pairingId, pairingSecret), 200, DeviceCredentialSchema);
    const again = expectBody(await token(pairingId, pairingSecret), 200, DeviceCredentialSchema);
    expect(first.screenId).toBe(screen.screenId);
    expect(again.refreshToken).toBe(first.refreshToken);
    const { ready } = await world().connectScreen(again);
    expect(ready.screenId).toBe(screen.screenId);
    expectFailure(await token(pairingId, pairingSecret), 410, 'PAIRING_CLOSED');
  });
}
