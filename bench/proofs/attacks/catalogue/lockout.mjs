const SERVER = 'packages/server/src';
const LOGIN = 'packages/server/test/attacks/lockout.test.ts';
const USERS = 'packages/server/test/attacks/users.test.ts';
const change = (file, find, replace) => [{ file: `${SERVER}/${file}`, find, replace }];

export default [
  {
    id: 'AT50',
    attack:
      'Fifty guesses at one password are sent at once, so that all are under way before the first is counted',
    defence: 'an attempt is counted before its password is looked at, in SQL for all nodes',
    source: 'Keycloak #31726, better-auth #9993',
    test: LOGIN,
    changes: change(
      'identity/logins/lockout.ts',
      'return refusal ? {} : { write: each(state, now, afterReserving) };',
      'return {};',
    ),
  },
  {
    id: 'AT51',
    attack:
      'Somebody fails at the owner’s address from many networks until it is locked, to keep the owner out',
    defence: 'a browser in which the owner signed in before has a lane of its own, with five guesses',
    source: 'GHSA-cq42-vhv7-xr7p',
    test: LOGIN,
    changes: change(
      'identity/logins/lockout.ts',
      "if (own !== undefined) return [key('login-pair', subject, 'own', own)];",
      '',
    ),
  },
  {
    id: 'AT52',
    attack: 'Log-ins that end one another by the limit of logins are taken for failures and lock their owner',
    defence: 'a right password gives its attempt back and clears its lane',
    source: 'Keycloak #44474',
    test: LOGIN,
    changes: change(
      'identity/logins/lockout.ts',
      'succeeded: () => this.#settle(keys, afterSuccess)',
      'succeeded: () => this.#fail(keys, origin, undefined)',
    ),
  },
  {
    id: 'AT53',
    attack: 'Each guess carries another forged X-Forwarded-For, X-Real-IP or Forwarded',
    defence: 'nobody but a proxy named in TRUST_PROXY says where a request comes from',
    source: 'better-auth #10203, CVE-2026-3635',
    test: USERS,
    changes: change(
      'gateway/client-address.ts',
      "if (typeof setting === 'boolean') return () => setting;",
      "if (typeof setting === 'boolean') return () => true;",
    ),
  },
  {
    id: 'AT54',
    attack:
      'One password is sprayed over many addresses from a rotating IPv6 /64, or one IPv4 address in other spellings',
    defence: 'failures are counted by IPv4 address and IPv6 /64, and fifty close it',
    source: 'CVE-2026-30827, better-auth #7470',
    test: LOGIN,
    changes: change('guards/address.ts', 'network(ip.groups, 4)', 'network(ip.groups, 8)'),
  },
  {
    id: 'AT55',
    attack:
      'A password agrees with an imported bcrypt hash in its first 72 bytes, or up to a NUL, and differs after',
    defence: 'what bcrypt would cut off is never right',
    source: 'CVE-2025-22228, rodauth #4',
    test: USERS,
    changes: change(
      'identity/passwords/hashes.ts',
      "return (await verifyBcrypt(fits ? password : '', hash)) && fits;",
      'return verifyBcrypt(password, hash);',
    ),
  },
  {
    id: 'AT56',
    attack:
      'Somebody who was disabled goes on with an open socket, an access token, a refresh token or the password',
    defence: 'disabling ends every login in one transaction, and every node cuts the sockets',
    source: 'GHSA-2vg6-77g8-24mp',
    test: USERS,
    changes: change(
      'identity/users/change-user.ts',
      "  await revokeUserSessions(tx, userId, { except: null, reason: 'disabled', at, slackMs: UNWRITTEN_MS });\n  await tx.announce('user', userId, 'disabled');",
      '',
    ),
  },
  {
    id: 'AT57',
    attack: 'Somebody fails until an address is locked, to learn from the lock whether it has an account',
    defence: 'counters are by what was typed, whether or not anybody has it',
    source: 'own design',
    test: LOGIN,
    changes: change(
      'identity/logins/login.ts',
      'await attempt.failed(found?.id);',
      'await (found ? attempt.failed(found.id) : attempt.abandoned());',
    ),
  },
  {
    id: 'AT58',
    attack: 'A user lists all users, looks addresses up, or makes themselves an administrator',
    defence: 'the rights users.read and users.change are of administrators; a profile takes no role',
    source: 'own design',
    test: USERS,
    changes: change(
      'platform/rights.ts',
      "what: 'list all users', access: 'admin'",
      "what: 'list all users', access: 'user'",
    ),
  },
  {
    id: 'AT59',
    attack: 'The last two administrators take each other’s rights at once, and the server has none',
    defence: 'such changes wait for one another, and the last administrator stays',
    source: 'own design',
    test: USERS,
    changes: change('identity/users/change-user.ts', '!(await hasOtherActiveAdmin(tx, userId))', 'false'),
  },
];
