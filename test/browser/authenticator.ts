import { createHmac } from 'node:crypto';

const STEP_MS = 30_000;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An authenticator app, by RFC 6238 alone and none of the server's code. Gives each code of a secret once. */
export class Authenticator {
  private readonly key: Buffer;
  private last = 0;

  /** @param secret as the page shows it: base32, in groups */
  constructor(secret: string) {
    this.key = fromBase32(secret.replace(/\s/g, ''));
  }

  /**
   * The code of the present step, never that of the one before: the server takes that one too, but only until this
   * step ends, which may be before the code is typed.
   */
  nextCode(now = Date.now()): string {
    const step = Math.floor(now / STEP_MS);
    if (step <= this.last) throw new Error('A code counts once: the next one is of the next 30 seconds');
    this.last = step;
    return hotp(this.key, step);
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
