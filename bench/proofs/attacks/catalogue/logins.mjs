const test = 'packages/server/test/attacks/logins.test.ts';
const identity = 'packages/server/src/identity';
const gateway = 'packages/server/src/gateway';

/** Attacks on logins, refresh tokens and the sockets that hang on them. */
export default [
  {
    id: 'AT01',
    attack: 'One refresh token is used by many at once, to get several chains out of it',
    defence: 'rotation is a compare-and-set on the token that was presented',
    source: 'Keycloak CVE-2026-1035',
    test,
    changes: [
      {
        file: `${identity}/store/sessions.ts`,
        find: 'and current_hash = $2 and revoked_at is null',
        replace: 'and $2::bytea is not null and revoked_at is null',
      },
    ],
  },
  {
    id: 'AT02',
    attack: 'A stolen refresh token is used after the owner has rotated it twice, all in one second',
    defence: 'order is by generation, and a token older than the former one ends the login',
    source: 'Keycloak #50999, django-oauth-toolkit #1617',
    test,
    changes: [
      {
        file: `${identity}/logins/sessions.ts`,
        find: "presented.generation < row.generation - 1 ? 'older' : 'foreign'",
        replace: "'foreign'",
      },
    ],
  },
  {
    id: 'AT03',
    attack: 'A refresh token that was rotated is used again after a restart of the server',
    defence: 'what was rotated is in SQL, not in memory',
    source: 'CVE-2026-9802',
    test,
    changes: [
      {
        file: `${identity}/store/sessions.ts`,
        find: 'previous_hash = current_hash, ',
        replace: '',
      },
    ],
  },
  {
    id: 'AT04',
    attack: 'A refresh races the end of the login, to get away with a live token',
    defence: 'rotation and revocation take the same row, and an ended one is not rotated',
    source: 'Keycloak #51312',
    test,
    changes: [
      {
        file: `${identity}/store/sessions.ts`,
        find: 'and current_hash = $2 and revoked_at is null',
        replace: 'and current_hash = $2',
      },
    ],
  },
  {
    id: 'AT05',
    attack: 'A login is kept alive for ever by refreshing it',
    defence: 'the absolute end of a login is never moved',
    source: 'ASVS 10.4.8',
    test,
    changes: [
      {
        file: `${identity}/store/sessions.ts`,
        find: 'rotated_at = $5, ',
        replace: 'rotated_at = $5, expires_at = expires_at + 86400000, ',
      },
    ],
  },
  {
    id: 'AT06',
    attack: 'The former refresh token is replayed within its grace, to fork a second chain off',
    defence: 'its successor is computed from what SQL keeps of the rotation, so there is one only',
    source: 'VilnaCRM #474',
    test,
    changes: [
      {
        file: `${identity}/logins/sessions.ts`,
        find: 'knownSuccessor(this.#deps.ring, presented, rotationNonce, currentHash)',
        replace:
          '{ keys: this.#deps.ring[0], parts: successorOf(this.#deps.ring[0], presented, new Uint8Array(randomBytes(16))) }',
      },
    ],
  },
  {
    id: 'AT07',
    attack: 'The former refresh token is replayed again and again, to make its grace longer',
    defence: 'the grace counts from the rotation, and a replay writes nothing',
    source: 'bike4mind #1213, Infisical #5947',
    test,
    changes: [
      {
        file: `${identity}/logins/sessions.ts`,
        find: 'this.#deps.now() - row.rotatedAt <= this.#deps.graceMs',
        replace: 'row.rotatedAt > 0',
      },
    ],
  },
  {
    id: 'AT08',
    attack: 'Tokens of those who lost a race between refreshes outlive the logout',
    defence: 'all of them are of one login, which is forgotten when it ends',
    source: 'seamless-auth-api #296',
    test,
    changes: [
      {
        file: `${identity}/logins/revocation-feed.ts`,
        find: "if (kind === 'session') live.settle(id);",
        replace: '',
      },
    ],
  },
  {
    id: 'AT09',
    attack: 'The access token of an ended login is used where it was checked a moment ago',
    defence: 'every process reads the growing list of ended logins and forgets them',
    source: 'better-auth #9991',
    test,
    changes: [
      {
        file: `${identity}/logins/revocation-feed.ts`,
        find: 'for (const row of rows) this.#apply(row);',
        replace: '',
      },
    ],
  },
  {
    id: 'AT10',
    attack: 'A socket that was opened before the logout goes on listening, here or on another node',
    defence: 'the end of a login cuts its sockets on every node, also without a bus',
    source: 'klangk #3152, kubestellar #4906, open-webui #29695',
    test,
    changes: [
      {
        file: `${gateway}/follow-identity.ts`,
        find: 'connections.closeSession(sessionId, closing);',
        replace: '{}',
      },
    ],
  },
  {
    id: 'AT11',
    attack: 'A socket whose token has expired goes on sending',
    defence: 'past the end of the token no event but auth-refresh is handled',
    source: 'auth0-socketio-jwt #98',
    test,
    changes: [
      {
        file: `${gateway}/sockets.ts`,
        find: 'this.#deps.databaseClock() >= principal.expiresAt',
        replace: 'this.#deps.databaseClock() < 0',
      },
    ],
  },
  {
    id: 'AT12',
    attack: 'A socket loses its connection, its login ends, and it comes back by recovery',
    defence: 'there is no recovery past the handshake',
    source: 'socket.io: skipMiddlewares is on by default',
    test,
    changes: [
      {
        file: `${gateway}/sockets.ts`,
        find: 'serveClient: false,',
        replace: 'serveClient: false, connectionStateRecovery: {},',
      },
    ],
  },
  {
    id: 'AT13',
    attack: 'A page of another site opens a socket with what the browser has',
    defence: 'the Origin of a handshake must be this host or on the list',
    source: 'Gitpod GHSA-f53g-frr2-jhpf',
    test,
    changes: [
      {
        file: `${gateway}/admission.ts`,
        find: 'foreignOrigin(request, allowsOrigin)',
        replace: 'foreignOrigin(request, () => true)',
      },
    ],
  },
  {
    id: 'AT14',
    attack: 'Somebody plants a login of their own in a browser and waits until its owner signs in (fixation)',
    defence: 'every log-in makes a new login with an id by chance',
    source: 'ASVS 7.2.4',
    test,
    changes: [
      {
        file: `${identity}/logins/sign-in.ts`,
        find: 'sessionId: randomUUID(),',
        replace: 'sessionId: userId,',
      },
    ],
  },
  {
    id: 'AT15',
    attack: 'A process is cut off from SQL, so that it does not hear of what ended',
    defence: 'when the list of ended logins is older than 10 s nothing cached is believed',
    source: 'own design',
    test,
    changes: [
      {
        file: `${identity}/logins/revocation-feed.ts`,
        find: '- this.#freshAt <= STALE_MS',
        replace: '- this.#freshAt <= Number.POSITIVE_INFINITY',
      },
    ],
  },
  {
    id: 'AT16',
    attack: '50 log-ins at once, to have more logins than MAX_CONCURRENT_SESSIONS',
    defence: 'logins are counted and ended under the lock of the person, whoever opens one',
    source: 'Keycloak #44474',
    test,
    changes: [
      {
        file: `${identity}/logins/login-limit.ts`,
        find: 'Math.max(0, live.length + 1 - core.config.maxLogins)',
        replace: '0',
      },
    ],
  },
  {
    id: 'AT17',
    attack: 'The logins of somebody else are listed, or ended by their id',
    defence: 'only the logins of the caller are looked among',
    source: 'ASVS 8.2.2',
    test,
    changes: [
      {
        file: `${identity}/store/logins.ts`,
        find: "where user_id = $1 and kind = 'user'",
        replace: "where $1::uuid is not null and kind = 'user'",
      },
    ],
  },
  {
    id: 'AT18',
    attack: 'A page that was left open does what asks for a fresh proof, by refreshing or over its socket',
    defence: 'the time of the proof is the one in SQL, asked for over HTTP and on sockets alike',
    source: 'ASVS 7.5.1',
    test,
    changes: [
      {
        file: 'packages/server/src/platform/rights.ts',
        find: 'now() - principal.provenAt > STEP_UP_MS',
        replace: 'now() - principal.provenAt > Number.POSITIVE_INFINITY',
      },
    ],
  },
  {
    id: 'AT19',
    attack: 'A demoted administrator goes on as one over a socket that was open before',
    defence: 'a change of role renews what open sockets know of their person, on every node',
    source: 'ASVS 8.3.1',
    test,
    changes: [
      {
        file: `${gateway}/follow-identity.ts`,
        find: 'connection.replacePrincipal({ ...principal, ...standing });',
        replace: '{}',
      },
    ],
  },
];
