const TEST = 'packages/server/test/attacks/passwords.test.ts';
const IDENTITY = 'packages/server/src/identity';

/** Attacks on passwords, on resets by mail and on the verification of addresses. */
export default [
  {
    id: 'AT40',
    attack: 'A stranger signs up with the address of a victim and plants a password and API keys',
    defence:
      'the first reset by mail of an address that was never verified ends the keys with the logins; a verified sign-up voids the others',
    source: 'better-auth GHSA-qq9h-g4jm-xgf3',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/passwords/reset.ts`,
        find: 'locked.emailVerifiedAt === null',
        replace: 'locked.emailVerifiedAt === 0',
      },
    ],
  },
  {
    id: 'AT41',
    attack: 'A reset is asked for with a forged Host, so that the link of the mail leads to the attacker',
    defence: 'links are made from PUBLIC_URL alone',
    source: 'ltb-project self-service-password #755',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/routes/passwords.ts`,
        find: 'await forgotPassword(core,',
        replace: 'await forgotPassword({ ...core, publicUrl: () => `http://${request.host}` },',
      },
    ],
  },
  {
    id: 'AT42',
    attack: 'Unicode look-alikes of an address or a name pass for somebody else, or take their reset mail',
    defence: 'addresses are normalised before they are checked, and mail goes to the stored address',
    source: 'next-auth GHSA-7rqj-j65f-68wh',
    test: TEST,
    changes: [
      {
        file: 'packages/protocol/src/identity.ts',
        find: "value.normalize('NFKC').trim().toLowerCase()",
        replace: 'value.trim().toLowerCase()',
      },
    ],
  },
  {
    id: 'AT43',
    attack: 'The time of a log-in or of a reset request tells which addresses are known',
    defence:
      'an unknown address is checked against a hash that no password fits; resets are looked up after the answer',
    source: 'pwndoc CVE-2022-44022 (#381)',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/passwords/passwords.ts`,
        find: 'const others = new Set([this.#kind, ...foreignKinds]);',
        replace: 'const others = new Set(passwordHash ? [this.#kind, ...foreignKinds] : []);',
      },
    ],
  },
  {
    id: 'AT44',
    attack: 'Status, body or headers of sign-up, log-in or reset tell which addresses are known',
    defence: 'the answers are the same; only the owner of a taken address is told, by mail',
    source: 'ASVS 6.3.8',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/accounts/signup.ts`,
        find: '// Hashed in any case, so that a taken address costs the same.',
        replace:
          "if (await findCredentials(core.database, core.people().indexOf(email))) throw new BongsuError('CONFLICT');",
      },
    ],
  },
  {
    id: 'AT45',
    attack: 'A reset link is used again, fifty times at once, or after a newer one',
    defence: 'it is used by compare-and-set under the lock of the user, and using one voids all others',
    source: 'better-auth #9993',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/store/passwords.ts`,
        find: 'where hash = $1 and used_at is null and expires_at > $2 returning hash',
        replace: 'where hash = $1 and expires_at > $2 returning hash',
      },
    ],
  },
  {
    id: 'AT46',
    attack: 'Line breaks in an address or a name add headers or recipients to a mail',
    defence: 'an address is one address or refused, and nothing that a stranger typed is in a mail',
    source: 'ASVS 1.3.11',
    test: TEST,
    changes: [
      {
        file: 'packages/protocol/src/identity.ts',
        find: '.pipe(z.email().max(254))',
        replace: '.pipe(z.string().max(254))',
      },
    ],
  },
  {
    id: 'AT47',
    attack:
      'A thief stays signed in after the owner has reset the password, or a reset gets around the second factor',
    defence: 'a reset ends all logins and opens none; the second factor stays',
    source: 'ASVS 6.4.3, 7.4.3',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/logins/end-logins.ts`,
        find: 'const ids = await revokeUserSessions(tx, userId, which);',
        replace: 'const ids: string[] = [];',
      },
    ],
  },
  {
    id: 'AT48',
    attack: 'A sign-up carries fields of its own: role, userId, emailVerified',
    defence: 'unknown fields are stripped, and the account is made of named ones',
    source: 'better-auth CVE-2025-61928',
    test: TEST,
    changes: [
      {
        file: 'packages/protocol/src/identity.ts',
        find: 'export const SignupSchema = z.object({',
        replace: 'export const SignupSchema = z.looseObject({',
      },
      {
        file: `${IDENTITY}/accounts/signup.ts`,
        find: "role: 'user', signedIn: true } as const",
        replace: "role: 'user', signedIn: true, ...(input as object) } as const",
      },
    ],
  },
  {
    id: 'AT49',
    attack:
      'A password that is among the commonest, or is just the address, is set at sign-up, set-up, change or reset',
    defence: 'one gate for every new password: an offline list and the words of its context',
    source: 'ASVS 6.2.4, 6.2.11',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/passwords/acceptable.ts`,
        find: 'if (COMMON.has(text))',
        replace: 'if (text === undefined)',
      },
    ],
  },
  {
    id: 'AT96',
    attack: 'The time of a sign-up that waits for its mail tells which addresses are taken',
    defence: 'the password is hashed in any case, and the address is looked up after the answer',
    source: 'pwndoc CVE-2022-44022 (#381)',
    test: TEST,
    changes: [
      {
        file: `${IDENTITY}/accounts/signup.ts`,
        find: '// Hashed in any case, so that a taken address costs the same.',
        replace:
          "if (await findCredentials(core.database, core.people().indexOf(email))) return 'verification-required';",
      },
    ],
  },
];
