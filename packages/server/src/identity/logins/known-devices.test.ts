import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KnownDevices } from './known-devices.js';

const DAY_MS = 86_400_000;
const KEY = new Uint8Array(randomBytes(32));
let time = 1_700_000_000_000;
const build = (key = KEY) =>
  new KnownDevices({
    keys: [key],
    now: () => time,
    indexOf: (email) => new Uint8Array(createHash('sha256').update(email).digest()),
  });
const ada = () => ({ userId: randomUUID(), passwordChangedAt: time - 1000 });

describe('KnownDevices', () => {
  it('[USR1] a browser in which somebody signed in is known to their address, and to no other', () => {
    const who = ada();
    const cookie = build().write(undefined, 'ada@example.com', who);
    expect(build().read(cookie, 'ada@example.com')).toEqual([{ ...who, id: expect.any(String) }]);
    expect(build().read(cookie, 'eve@example.com')).toEqual([]);
  });

  it('[USR1] a device stays the same over log-ins until the password is a new one, and several people may share it', () => {
    const [one, two] = [ada(), ada()];
    const devices = build();
    const first = devices.write(undefined, 'ada@example.com', one);
    const both = devices.write(first, 'eve@example.com', two);
    const again = devices.write(both, 'ada@example.com', one);
    expect(devices.read(again, 'eve@example.com')).toMatchObject([two]);
    expect(devices.read(again, 'ada@example.com')).toEqual(devices.read(first, 'ada@example.com'));
    const changed = devices.write(again, 'ada@example.com', { ...one, passwordChangedAt: time });
    expect(devices.read(changed, 'ada@example.com')).toMatchObject([{ passwordChangedAt: time }]);
    expect(devices.read(changed, 'ada@example.com')).not.toMatchObject([
      { id: devices.read(first, 'ada@example.com')[0]?.id },
    ]);
    let cookie: string | undefined;
    for (let n = 0; n < 9; n += 1) cookie = devices.write(cookie, `${n}@example.com`, ada());
    expect(devices.read(cookie, '3@example.com')).toEqual([]);
    expect(devices.read(cookie, '4@example.com')).toHaveLength(1);
  });

  it('[USR1] nothing that was altered, made elsewhere or is half a year old counts', () => {
    const cookie = build().write(undefined, 'ada@example.com', ada());
    const bytes = Buffer.from(cookie, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(build().read(altered.toString('base64url'), 'ada@example.com')).toEqual([]);
    }
    expect(build(new Uint8Array(randomBytes(32))).read(cookie, 'ada@example.com')).toEqual([]);
    for (const junk of ['', '~', 'junk', `${cookie}A`, '~'.repeat(9000)])
      expect(build().read(junk, 'ada@example.com')).toEqual([]);
    time += 180 * DAY_MS - 1;
    expect(build().read(cookie, 'ada@example.com')).toHaveLength(1);
    time += 1;
    expect(build().read(cookie, 'ada@example.com')).toEqual([]);
  });
});
