import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { AuthenticationError } from '@bongsu/protocol';
import type { DerivedKeys, SecretRing } from '../derive.js';

const PREFIX = 'brt_';
const VERSION = 1;
const MAC_BYTES = 16;
const BODY_BYTES = 1 + 16 + 4 + 32;
/** 69 bytes are 92 characters without padding bits: one token has one spelling. */
const SHAPE = /^brt_[A-Za-z0-9_-]{92}$/;

/** What a refresh token says, its MAC already checked. */
export interface RefreshParts {
  sessionId: string;
  /** 0 at log-in, one more at each rotation. Order is by this, never by time. */
  generation: number;
  /** 32 bytes. */
  secret: Uint8Array;
}

export function newRefreshSecret(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/** `brt_` + base64url(version 1 | session 16 | generation 4 | secret 32 | MAC 16). */
export function encodeRefreshToken(keys: Pick<DerivedKeys, 'refreshMac'>, parts: RefreshParts): string {
  const body = bodyOf(parts);
  return PREFIX + Buffer.concat([body, mac(keys.refreshMac, body)]).toString('base64url');
}

/** Needs no database: what nobody here ever made is refused before any lookup. @throws AUTH_ERROR */
export function decodeRefreshToken(ring: SecretRing, token: string): RefreshParts {
  if (!SHAPE.test(token)) throw new AuthenticationError();
  const bytes = Buffer.from(token.slice(PREFIX.length), 'base64url');
  const body = bytes.subarray(0, BODY_BYTES);
  const isOurs = ring.some(({ refreshMac }) =>
    timingSafeEqual(mac(refreshMac, body), bytes.subarray(BODY_BYTES)),
  );
  if (!isOurs || body[0] !== VERSION) throw new AuthenticationError();
  return {
    sessionId: formatUuid(body.subarray(1, 17)),
    generation: body.readUInt32BE(17),
    secret: new Uint8Array(body.subarray(21)),
  };
}

/**
 * The token after `parts`: the same for everybody who holds `parts` and the nonce of its rotation, so that racing tabs
 * and retries of a lost answer all get one successor, and nobody else can compute it.
 */
export function successorOf(
  keys: Pick<DerivedKeys, 'refreshSuccessor'>,
  parts: RefreshParts,
  rotationNonce: Uint8Array,
): RefreshParts {
  const generation = parts.generation + 1;
  const secret = createHmac('sha256', keys.refreshSuccessor)
    .update(bodyOf({ ...parts, generation }))
    .update(rotationNonce)
    .digest();
  return { sessionId: parts.sessionId, generation, secret: new Uint8Array(secret) };
}

/** A token, and the keys of the secret that it was made with: with them it has the same bytes for all who ask. */
export interface Successor {
  parts: RefreshParts;
  keys: DerivedKeys;
}

/**
 * The successor that a rotation made, whichever secret it was made with: tabs that race over a restart with a new secret get
 * one and the same. Undefined when no secret of the ring leads to `hash`.
 */
export function knownSuccessor(
  ring: SecretRing,
  parts: RefreshParts,
  rotationNonce: Uint8Array,
  hash: Uint8Array,
): Successor | undefined {
  return ring
    .map((keys) => ({ keys, parts: successorOf(keys, parts, rotationNonce) }))
    .find((made) => sameHash(hashRefreshToken(made.parts), hash));
}

/** All that the database keeps of a token. Plain SHA-256 is enough for 256 bits of chance. */
export function hashRefreshToken(parts: RefreshParts): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bodyOf(parts)).digest());
}

export function sameHash(left: Uint8Array, right: Uint8Array | null): boolean {
  return right !== null && left.length === right.length && timingSafeEqual(left, right);
}

function bodyOf({ sessionId, generation, secret }: RefreshParts): Buffer {
  const body = Buffer.alloc(BODY_BYTES);
  body[0] = VERSION;
  body.write(sessionId.replaceAll('-', ''), 1, 'hex');
  body.writeUInt32BE(generation, 17);
  body.set(secret, 21);
  return body;
}

function mac(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES);
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
