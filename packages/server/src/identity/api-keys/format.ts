import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX = 'bgs_';
const ID_CHARACTERS = 10;
/** 62^43 > 2^256. */
const SECRET_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
const SHAPE = new RegExp(
  `^(${PREFIX}([0-9A-Za-z]{${ID_CHARACTERS}})_([0-9A-Za-z]{${SECRET_CHARACTERS}}))([0-9A-Za-z]{${CHECKSUM_CHARACTERS}})$`,
);

/** `bgs_<id>_<secret><checksum>`, 64 characters: which row, what proves it, and whether it was typed or cut wrong. */
export interface KeyParts {
  id: string;
  secret: string;
}

/** True when a token means to be an API key; whether it is a good one is another question. */
export function isApiKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

/** A new id and secret, of chance. */
export function newKeyParts(): KeyParts {
  return { id: base62(ID_CHARACTERS), secret: base62(SECRET_CHARACTERS) };
}

export function formatKey({ id, secret }: KeyParts): string {
  const body = `${PREFIX}${id}_${secret}`;
  return `${body}${checksum(body)}`;
}

/** The parts of a well-formed key with the right checksum, else undefined: what was made up costs no look-up. */
export function parseKey(key: string): KeyParts | undefined {
  const [, body, id, secret, check] = SHAPE.exec(key) ?? [];
  if (body === undefined || id === undefined || secret === undefined) return undefined;
  return check === checksum(body) ? { id, secret } : undefined;
}

function base62(length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1) text += BASE62[randomInt(BASE62.length)];
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECKSUM_CHARACTERS; i += 1) {
    text = BASE62.charAt(rest % BASE62.length) + text;
    rest = Math.floor(rest / BASE62.length);
  }
  return text;
}
