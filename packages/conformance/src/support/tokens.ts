import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto';

export interface TokenParts {
  header: Record<string, unknown>;
  payload: Record<string, unknown>;
  signature: string;
}

export function parts(token: string): TokenParts {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  return { header: parse(header), payload: parse(payload), signature };
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What an attacker makes out of a good token and the public keys. All must be refused. */
export function forgeries(good: string, keys: Record<string, unknown>[]): Record<string, string> {
  const { header, payload, signature } = parts(good);
  const body = encode(payload);
  const admin = encode({ ...payload, role: 'admin', scope: 'admin', roles: ['admin'] });
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const foreign = `${encode({ ...header, alg: 'EdDSA' })}.${body}`;
  return {
    'with changed claims': `${encode(header)}.${admin}.${signature}`,
    'without a signature': `${encode(header)}.${body}.`,
    'alg none': `${encode({ ...header, alg: 'none' })}.${body}.`,
    'alg NONE': `${encode({ ...header, alg: 'NONE' })}.${body}.`,
    'of another key': `${foreign}.${sign(null, Buffer.from(foreign), stranger).toString('base64url')}`,
    'with an embedded key': embedded(header, body),
    'cut short': good.slice(0, -10),
    garbage: 'not.a.token',
    'with a kid that is a path': `${encode({ ...header, kid: '../../etc/passwd' })}.${body}.${signature}`,
    ...confusions(header, body, keys),
  };
}

/** HS256 "signed" with the text of a public key: the classic confusion of algorithms. */
function confusions(header: Record<string, unknown>, body: string, keys: Record<string, unknown>[]) {
  const found: Record<string, string> = {};
  keys.forEach((key, index) => {
    const pem = createPublicKey({ key: key as JsonWebKey, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    for (const [form, secret] of [
      ['PEM', pem],
      ['JWK', JSON.stringify(key)],
      ['x', String(key.x)],
    ] as const) {
      const input = `${encode({ ...header, alg: 'HS256' })}.${body}`;
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      found[`HS256 with public key ${index} as ${form}`] = `${input}.${mac}`;
    }
  });
  return found;
}

function embedded(header: Record<string, unknown>, body: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const input = `${encode({ ...header, alg: 'EdDSA', jwk: publicKey.export({ format: 'jwk' }) })}.${body}`;
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
}
