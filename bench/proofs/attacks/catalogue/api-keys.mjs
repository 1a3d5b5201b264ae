const KEYS = 'packages/server/test/attacks/api-keys.test.ts';
const ACCESS = 'packages/server/test/attacks/access.test.ts';
const HOLDERS = 'packages/server/src/identity/api-keys/holders.ts';

export default [
  {
    id: 'AT60',
    attack: 'An API key is made without a login, or in the name of a user whom the body names',
    defence: 'a key belongs to who is signed in; what else a body says is stripped',
    source: 'CVE-2025-61928 (better-auth)',
    test: KEYS,
    changes: [
      {
        file: 'packages/protocol/src/api-keys.ts',
        find: 'export const CreateApiKeySchema = z.object({',
        replace: 'export const CreateApiKeySchema = z.looseObject({',
      },
      {
        file: 'packages/server/src/identity/routes/api-keys.ts',
        find: 'createApiKey(core, personOf(request), request.body',
        replace: 'createApiKey(core, { ...personOf(request), ...(request.body as object) }, request.body',
      },
    ],
  },
  {
    id: 'AT61',
    attack: 'API keys are made up by the thousand to keep the database busy',
    defence: 'the checksum is compared before anything is looked up',
    source: 'own design, after GitHub’s token format',
    test: KEYS,
    changes: [
      {
        file: 'packages/server/src/identity/api-keys/format.ts',
        find: 'return check === checksum(body) ?',
        replace: 'return check ?',
      },
    ],
  },
  {
    id: 'AT62',
    attack: 'The id of an API key is known, and its secret guessed or taken from another key',
    defence: 'the keyed hash of the whole secret is compared, in constant time, also for a key in memory',
    source: 'own design',
    test: KEYS,
    changes: [
      { file: HOLDERS, find: '!timingSafeEqual(row.secretHash, hash)', replace: 'hash.length === 0' },
    ],
  },
  {
    id: 'AT63',
    attack: 'An API key is used after its end, after the overlap of its rotation, or after it was deleted',
    defence: 'the end is asked of each call, and open sockets learn when it changes',
    source: 'own design',
    test: KEYS,
    changes: [{ file: HOLDERS, find: 'this.#deps.now() >= expiresAt', replace: 'expiresAt === 0' }],
  },
  {
    id: 'AT64',
    attack: 'The API key of a disabled user goes on, from another process’s memory or on an open socket',
    defence: 'what ends a user makes every process forget their keys within five seconds',
    source: 'GHSA-2vg6-77g8-24mp',
    test: KEYS,
    changes: [
      {
        file: 'packages/server/src/identity/logins/revocation-feed.ts',
        find: "if (kind === 'user') keyHolders.forgetUser(id);",
        replace: '',
      },
    ],
  },
  {
    id: 'AT65',
    attack: 'An API key writes without the scope, makes further keys, changes the password or ends logins',
    defence: 'what a key may do is asked where routes are mounted; what has no scope is for people only',
    source: 'own design',
    test: KEYS,
    changes: [
      {
        file: 'packages/server/src/platform/rights.ts',
        find: '  if (principal.apiKey) {',
        replace: '  if (principal.apiKey && name === undefined) {',
      },
    ],
  },
  {
    id: 'AT66',
    attack: 'The token of a device is used on routes and events for people',
    defence: 'each right says who calls at all: a device reports what its own screen shows',
    source: 'own design',
    test: ACCESS,
    changes: [
      {
        file: 'packages/server/src/platform/rights.ts',
        find: "if (!admits(right.access, principal)) throw new BongsuError('FORBIDDEN');",
        replace: '',
      },
    ],
  },
  {
    id: 'AT67',
    attack:
      'Ids of screens, commands, letters, controllers and API keys of others are tried one by one (IDOR)',
    defence: 'what belongs to somebody else answers, to the letter, as what does not exist',
    source: 'OWASP API1:2023',
    test: ACCESS,
    changes: [
      {
        file: 'packages/server/src/screens/access.ts',
        find: "if (!row || !role) throw new BongsuError('SCREEN_NOT_FOUND');",
        replace:
          "if (!row) throw new BongsuError('SCREEN_NOT_FOUND');\n  if (!role) throw new BongsuError('FORBIDDEN');",
      },
    ],
  },
  {
    id: 'AT68',
    attack: 'An API key is put into a URL, where proxies and histories keep it',
    defence: 'tokens are read from the Authorization header and the handshake only',
    source: 'ASVS 14.2.1',
    test: KEYS,
    changes: [
      {
        file: 'packages/server/src/gateway/http.ts',
        find: 'const token = bearerToken(request.headers.authorization);',
        replace:
          'const token =\n      bearerToken(request.headers.authorization) ?? (request.query as { token?: string }).token;',
      },
    ],
  },
  {
    id: 'AT69',
    attack: 'API keys are looked for in logs, metrics, the audit and error answers',
    defence: 'none of them carries a token, and what libraries put into messages is masked by its shape',
    source: 'ASVS 16.2.5',
    test: KEYS,
    changes: [
      {
        file: 'packages/server/src/platform/log-redaction.ts',
        find: '  [/(bgs|brt)_[\\w-]{6,}/g, REDACTED],\n',
        replace: '',
      },
    ],
  },
  {
    id: 'AT91',
    attack: 'A stolen login makes itself an API key in the moment that its owner ends it, as a way back in',
    defence:
      'whatever outlives a login looks, once it holds the row of its user, whether the login that asks is still open',
    source: 'own review',
    test: KEYS,
    changes: [
      {
        file: 'packages/server/src/identity/api-keys/issue.ts',
        find: '  await assertLoginOpen(tx, sessionId);\n',
        replace: '',
      },
    ],
  },
];
