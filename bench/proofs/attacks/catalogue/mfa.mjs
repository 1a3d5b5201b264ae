const TEST = 'packages/server/test/attacks/mfa.test.ts';
const SOURCE = 'packages/server/src/identity';

export default [
  {
    id: 'AT30',
    attack: 'A TOTP that was just used is used again: later, at once, on another challenge',
    defence: 'the time step of an accepted code is kept, by compare-and-set, and only later ones count',
    source: 'hanko #2723, better-auth #11259',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/store/mfa.ts`,
        find: ' and (last_step is null or last_step < $2)',
        replace: '',
      },
    ],
  },
  {
    id: 'AT31',
    attack: 'The code that turned the second factor on is used to log in',
    defence: 'turning it on spends the time step of its code',
    source: 'hanko #2723, better-auth #11259',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/store/mfa.ts`,
        find: `set state = 'active', last_step = $2,`,
        replace: `set state = 'active', last_step = $2 - 1,`,
      },
    ],
  },
  {
    id: 'AT32',
    attack: 'Wrong guesses are sent to burn the code that the owner is about to type',
    defence: 'a time step is spent by a right code only',
    source: 'scheb/2fa #317',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/mfa/second-factors.ts`,
        find: 'for (const step of this.matchingSteps(factor, code)) {',
        replace: `const right = this.matchingSteps(factor, code);
    if (right.length === 0) await spendStep(tx, factor.id, Math.floor(this.#deps.now() / 30_000));
    for (const step of right) {`,
      },
    ],
  },
  {
    id: 'AT33',
    attack:
      'Somebody who knows only the password takes the cookie or token that comes before the second factor',
    defence: 'a right password opens a challenge and nothing else',
    source: 'better-auth GHSA-xg6x-h9c9-2m83',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/logins/login.ts`,
        find: 'if (await core.mfa.isOn(user.id, tx)) {',
        replace: 'if (user.id === email) {',
      },
    ],
  },
  {
    id: 'AT34',
    attack: 'A challenge is used twice (at once, or later), after its end, or for a sixth try',
    defence: 'it is consumed by compare-and-set in the transaction that opens the login',
    source: 'better-auth #9993',
    test: TEST,
    changes: [{ file: `${SOURCE}/store/challenges.ts`, find: ' and consumed_at is null', replace: '' }],
  },
  {
    id: 'AT35',
    attack: 'A recovery code is used twice at once, or on the challenge of somebody else',
    defence: 'it is spent by compare-and-set, and only by the person whom it was made for',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/store/mfa.ts`,
        find: ' and used_at is null returning',
        replace: ' returning',
      },
    ],
  },
  {
    id: 'AT36',
    attack: 'Fifty codes are guessed at once, over many challenges',
    defence: 'each try is counted in SQL before it is looked at; ten, then nobody’s for 15 minutes',
    source: 'better-auth #9993',
    test: TEST,
    changes: [
      { file: `${SOURCE}/mfa/second-factors.ts`, find: 'if (n > TRIES.max) {', replace: 'if (n > 1000) {' },
    ],
  },
  {
    id: 'AT37',
    attack: 'Whoever knows the password types it anew after each few guesses, to begin counting anew',
    defence: 'a right password does not touch the count of wrong codes',
    source: 'remote.futrx #112',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/mfa/challenge.ts`,
        find: 'const at = core.now();',
        replace: `const at = core.now();
  await tx.query(\`delete from auth_counters where scope = 'otp'\`);`,
      },
    ],
  },
  {
    id: 'AT38',
    attack: 'The account is locked or given another password between the two steps of a log-in',
    defence: 'the second step reads the account again, under the lock of its row',
    source: 'CVE-2026-16103',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/mfa/verify.ts`,
        find: 'credentialOf(account.passwordHash) !== data.credential',
        replace: `data.credential === ''`,
      },
    ],
  },
  {
    id: 'AT39',
    attack: 'A login or socket from before the factor was set up goes on with the password alone',
    defence: 'turning the factor on ends all other logins and cuts their sockets',
    source: 'Kratos GHSA-wc43-73w7-x2f5',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/mfa/enrolment.ts`,
        find: `await endLogins(core, tx, userId, { except: sessionId, reason: 'second-factor' });`,
        replace: '',
      },
    ],
  },
  {
    id: 'AT93',
    attack:
      'A secret that was given up, an address, or what is sealed of somebody else is put where the secret of a second factor stands',
    defence: 'what is sealed is bound to its table, column and row, and so is the key that seals it',
    source: 'CipherSweet: key separation; own design',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/seal.ts`,
        find: '`${table}|${column}|${row}|${VERSION}.${keyVersion}`',
        replace: '`${VERSION}.${keyVersion}`',
      },
    ],
  },
  {
    id: 'AT95',
    attack: 'The account is disabled between the two steps of a log-in',
    defence:
      'whether the account is open is read under the lock of its row, before the code is looked at and where the login begins',
    source: 'CVE-2026-16103',
    test: TEST,
    changes: [
      {
        file: `${SOURCE}/store/users.ts`,
        find: "where u.id = $1 and u.status = 'active' for update of u`",
        replace: 'where u.id = $1 for update of u`',
      },
      {
        file: `${SOURCE}/store/users.ts`,
        find: "select 1 from users where id = $1 and status = 'active' for update",
        replace: 'select 1 from users where id = $1 for update',
      },
    ],
  },
];
