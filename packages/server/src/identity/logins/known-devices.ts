import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DatabaseClock } from '../../platform/clock.js';

/** A browser in which somebody has signed in before, as its cookie says. */
export interface KnownDevice {
  /** Hexadecimal. */
  id: string;
  userId: string;
  /** Of the password it signed in with; 0 for none. A newer one voids the device. */
  passwordChangedAt: number;
}

export interface KnownDevicesDeps {
  /** The first makes entries, all of them verify. */
  keys: readonly [Uint8Array, ...Uint8Array[]];
  now: DatabaseClock;
  /** The blind index of a normalised address. */
  indexOf(email: string): Uint8Array;
}

const LIFE_DAYS = 180;
const LIFE_MS = LIFE_DAYS * 86_400_000;
const VERSION = 1;
const TIME_BYTES = 6;
const ID_BYTES = 16;
const MAC_BYTES = 16;
const BODY_BYTES = 1 + 2 * TIME_BYTES + 2 * ID_BYTES;
/** People who share a browser. */
const MOST_PEOPLE = 5;
const BETWEEN = '~';

interface Entry extends KnownDevice {
  text: string;
  issuedAt: number;
  body: Buffer;
  mac: Buffer;
}

/**
 * The cookie that gives a browser a lane of its own at log-in: entries of `version 1 | issued 6 | password changed 6 | user 16 | device 16 |
 * MAC 16`, one a person. The MAC also covers the address, so that an entry says nothing to anybody who types another one.
 */
export class KnownDevices {
  readonly #deps: KnownDevicesDeps;

  constructor(deps: KnownDevicesDeps) {
    this.#deps = deps;
  }

  /** The entries that were made here for this address; whether they still count, the user's row decides. */
  read(cookie: string | undefined, email: string): KnownDevice[] {
    const since = this.#deps.now() - LIFE_MS;
    return parse(cookie)
      .filter(({ body, mac, issuedAt }) => issuedAt > since && this.#isGenuine(mac, body, email))
      .map(({ id, userId, passwordChangedAt }) => ({ id, userId, passwordChangedAt }));
  }

  /** The cookie after a log-in: an entry for this person, and those of others who use this browser. */
  write(cookie: string | undefined, email: string, who: Omit<KnownDevice, 'id'>): string {
    // With a new password a new lane: what a thief of the cookie got wrong in the one before is theirs.
    const before = this.read(cookie, email).find(
      (one) => one.userId === who.userId && one.passwordChangedAt === who.passwordChangedAt,
    );
    const body = Buffer.concat([
      Buffer.of(VERSION),
      timeBytes(this.#deps.now()),
      timeBytes(who.passwordChangedAt),
      Buffer.from(who.userId.replaceAll('-', ''), 'hex'),
      before ? Buffer.from(before.id, 'hex') : randomBytes(ID_BYTES),
    ]);
    const [key] = this.#deps.keys;
    const own = Buffer.concat([body, this.#macOf(key, body, email)]).toString('base64url');
    const others = parse(cookie).filter(({ userId }) => userId !== who.userId);
    return [own, ...others.map(({ text }) => text)].slice(0, MOST_PEOPLE).join(BETWEEN);
  }

  #isGenuine(mac: Buffer, body: Buffer, email: string): boolean {
    return this.#deps.keys.some((key) => sameBytes(mac, this.#macOf(key, body, email)));
  }

  #macOf(key: Uint8Array, body: Buffer, email: string): Buffer {
    const index = this.#deps.indexOf(email);
    return createHmac('sha256', key).update(body).update(index).digest().subarray(0, MAC_BYTES);
  }
}

/** What has the form of an entry, whoever made it. */
function parse(cookie: string | undefined): Entry[] {
  const texts = (cookie ?? '').split(BETWEEN).slice(0, MOST_PEOPLE);
  return texts.flatMap((text) => {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== BODY_BYTES + MAC_BYTES || bytes[0] !== VERSION) return [];
    const ids = 1 + 2 * TIME_BYTES;
    return [
      {
        text: bytes.toString('base64url'),
        issuedAt: bytes.readUIntBE(1, TIME_BYTES),
        passwordChangedAt: bytes.readUIntBE(1 + TIME_BYTES, TIME_BYTES),
        userId: uuidOf(bytes.subarray(ids, ids + ID_BYTES)),
        id: bytes.subarray(ids + ID_BYTES, BODY_BYTES).toString('hex'),
        body: bytes.subarray(0, BODY_BYTES),
        mac: bytes.subarray(BODY_BYTES),
      },
    ];
  });
}

function timeBytes(ms: number): Buffer {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeUIntBE(Math.floor(ms), 0, TIME_BYTES);
  return bytes;
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface DeviceCookie {
  name: '__Host-bongsu_device' | 'bongsu_device';
  options: { httpOnly: true; secure: boolean; sameSite: 'strict'; path: '/'; maxAge: number };
}

/** Over plain http a browser would drop a Secure cookie; only development may go without. */
export function deviceCookie(isHttps: boolean, production: boolean): DeviceCookie {
  const secure = isHttps || production;
  return {
    name: secure ? '__Host-bongsu_device' : 'bongsu_device',
    options: { httpOnly: true, secure, sameSite: 'strict', path: '/', maxAge: LIFE_MS / 1000 },
  };
}
