const test = 'packages/server/test/attacks/tokens.test.ts';
const TOKEN_MANAGER = 'packages/server/src/identity/tokens/token-manager.ts';
const SIGNING_KEYS = 'packages/server/src/identity/tokens/signing-keys.ts';
const VERIFIED_TOKENS = 'packages/server/src/identity/tokens/verified-tokens.ts';

export default [
  {
    id: 'AT20',
    attack:
      'A token that chooses its own algorithm: none, HS256 with the public key as secret, or another family',
    defence: 'a key verifies one algorithm only, and only keys of JWT_ALG count',
    source: 'CVE-2026-22817, CVE-2026-22818, CVE-2026-48526',
    test,
    changes: [
      {
        file: SIGNING_KEYS,
        find: 'const isOurFamily = alg === this.algorithm;',
        replace: 'const isOurFamily = true;',
      },
    ],
  },
  {
    id: 'AT21',
    attack:
      'A token that brings its own key (jwk, jku, x5u, x5c) or rules (crit, b64, zip), or whose kid is a path or SQL',
    defence: 'such headers are refused before any key is looked up, and only what can be a kid is looked for',
    source: 'CVE-2026-22817, RFC 8725',
    test,
    changes: [{ file: TOKEN_MANAGER, find: 'if (foreign || typ !== TYPE', replace: 'if (typ !== TYPE' }],
  },
  {
    id: 'AT22',
    attack: 'A malformed Authorization header, or a rightly signed token of more than 4 KiB',
    defence: 'one exact form is read, everything else is 401',
    source: 'next-auth GHSA-xmf8-cvqr-rfgj',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/authenticate.ts',
        find: String.raw`/^Bearer ([\x21-\x7e]{1,4096})$/i`,
        replace: String.raw`/Bearer\s+([^\s,]+)/i`,
      },
    ],
  },
  {
    id: 'AT23',
    attack: 'A token that is past its end, but was verified and remembered before',
    defence: 'the end is looked at again at each use of the cache',
    source: 'fast-jwt #29',
    test,
    changes: [
      { file: VERIFIED_TOKENS, find: 'now() < expiresAt + CLOCK_TOLERANCE_MS', replace: 'expiresAt > 0' },
    ],
  },
  {
    id: 'AT24',
    attack: 'A token that shares header and payload with a remembered one, with another signature',
    defence: 'the cache is keyed by a hash of the whole token',
    source: 'GHSA-rp9m-7r4c-75qg, lua-resty-openidc #569',
    test,
    changes: [
      {
        file: VERIFIED_TOKENS,
        find: "hash('sha256', token, 'base64')",
        replace: "hash('sha256', token.slice(0, token.lastIndexOf('.')), 'base64')",
      },
    ],
  },
  {
    id: 'AT25',
    attack: 'A token of a login that was ended while the token was remembered',
    defence: 'whether the login lives is asked at each use, remembered or not',
    source: 'better-auth: cookie cache',
    test,
    changes: [
      {
        file: 'packages/server/src/identity/logins/authenticate.ts',
        find: 'assertLive(session, core.now());\n  const { row } = session;',
        replace: 'const { row } = session;',
      },
    ],
  },
  {
    id: 'AT26',
    attack: 'Tokens forged with a secret that stands in examples, or that repeats itself',
    defence: 'such a secret does not start a server',
    source: 'Kratos GHSA-hgx2-28f8-6g2r',
    test,
    changes: [
      {
        file: 'packages/server/src/config/values.ts',
        find: 'if (SAMPLE.test(text))',
        replace: 'if (false as boolean)',
      },
    ],
  },
  {
    id: 'AT27',
    attack:
      'A token of one kind in place of another: a refresh token, or a JWT that the same key signed for another purpose',
    defence: 'typ must be at+jwt, exactly',
    source: 'RFC 8725 3.11',
    test,
    changes: [{ file: TOKEN_MANAGER, find: 'typ !== TYPE ||', replace: '' }],
  },
  {
    id: 'AT28',
    attack: 'A token of another installation that shares JWT_SECRET or keys',
    defence: 'iss must be this installation',
    source: 'RFC 8725 3.8',
    test,
    changes: [
      {
        file: TOKEN_MANAGER,
        find: 'payload.iss !== this.#deps.issuer',
        replace: 'payload.iss === undefined',
      },
    ],
  },
  {
    id: 'AT29',
    attack: 'Tokens forged with a stolen signing key, used on another process after the key was given up',
    defence: 'every process hears of it by the revocation feed and remembers nothing of that key',
    source: 'own design',
    test,
    changes: [
      {
        file: 'packages/server/src/identity/logins/revocation-feed.ts',
        find: "if (kind === 'key') this.#applyKey(revocation);",
        replace: "if (kind === 'key') return;",
      },
    ],
  },
];
