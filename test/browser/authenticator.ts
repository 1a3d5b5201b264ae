import { createHmac } from 'node:crypto';

const STEP_MS = 30_000;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An authenticator app, by RFC 6238 alone and none of the server's code. Gives each code of a secret once. */
export class Authenticator {
  private readonly key: Buffer;
  private last: number;

  /** @param secret as the page shows it: base32, in groups */
  constructor(secret: string, now = Date.now()) {
    this.key = fromBase32(secret.replace(/\s/g, ''));
    // The step before the present one still counts, so two codes are at hand without waiting.
    this.last = Math.floor(now / STEP_MS) - 2;
  }

  /** The earliest code that the server takes and that was not given before. */
  nextCode(now = Date.now()): string {
    this.last = Math.max(this.last + 1, Math.floor(now / STEP_MS) - 1);
    return hotp(this.key, this.last);
  }
}

function hotp(key: Buffer, counter: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', key).update(message).digest();
  const offset = (mac.at(-1) ?? 0) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7f_ff_ff_ff;
  return String(number % 1_000_000).padStart(6, '0');
}

function fromBase32(text: string): Buffer {
  let bits = '';
  for (const character of text) bits += ALPHABET.indexOf(character).toString(2).padStart(5, '0');
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
