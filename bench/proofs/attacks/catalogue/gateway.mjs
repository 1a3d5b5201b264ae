const test = 'packages/server/test/attacks/gateway.test.ts';
const http = 'packages/server/src/gateway/http.ts';

/** Attacks on what stands before all routes and sockets. */
export default [
  {
    id: 'AT77',
    attack: 'A page of another site opens a socket, by websocket or by polling',
    defence: 'the Origin of a handshake must be this host or a listed one',
    source: 'Gitpod GHSA-f53g-frr2-jhpf; ASVS 4.4.2',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/admission.ts',
        find: 'if (foreignOrigin(request, allowsOrigin))',
        replace: 'if (false)',
      },
    ],
  },
  {
    id: 'AT78',
    attack: 'A stranger makes up addresses in X-Forwarded-For',
    defence: 'only what TRUST_PROXY names is believed, hop by hop from the right',
    source: 'better-auth #10203',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/client-address.ts',
        find: 'return () => setting;',
        replace: 'return () => true;',
      },
    ],
  },
  {
    id: 'AT79',
    attack: 'A stranger names another protocol or host in X-Forwarded-Proto and -Host',
    defence: 'an untrusted peer’s headers are not read',
    source: 'Fastify CVE-2026-3635, CVE-2026-16732',
    test,
    changes: [{ file: http, find: 'trustProxy: deps.trust,', replace: 'trustProxy: true,' }],
  },
  {
    id: 'AT80',
    attack: 'A setting is wrong, missing or a sample, and the server starts with something weaker',
    defence: 'every fault stops the start',
    source: 'next-auth GHSA-8fpg-xm3f-6cx3; Kratos GHSA-hgx2-28f8-6g2r',
    test,
    changes: [
      {
        file: 'packages/server/src/config/rules.ts',
        find: 'settings.CORS_ALLOW_ALL_ORIGINS === true && {',
        replace: 'false && {',
      },
    ],
  },
  {
    id: 'AT82',
    attack:
      'A request is framed in two ways, folded, doubled or endless, so that a proxy and we read different ones',
    defence:
      'the strict parser, said in the code so that no flag of the process can loosen it; 16 KiB of headers',
    source: 'ASVS 4.2.1',
    test,
    changes: [{ file: http, find: 'insecureHTTPParser: false', replace: 'insecureHTTPParser: true' }],
  },
  {
    id: 'AT87',
    attack: 'A page of another site reads answers by CORS, with the cookies of a user',
    defence: 'listed origins are named exactly; where all are allowed, none may send cookies',
    source: 'ASVS 3.4.2',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/cors.ts',
        find: "{ origin: '*', credentials: false }",
        replace: '{ origin: true, credentials: true }',
      },
    ],
  },
  {
    id: 'AT88',
    attack:
      'The redirect to https is sent to a host of the attacker: by Host, X-Forwarded-Host or an absolute address',
    defence: 'it leads to PUBLIC_URL, or to the host that was asked, and only a path is appended',
    source: 'ASVS 3.7.2',
    test,
    changes: [
      {
        file: http,
        find: "(request.url.startsWith('/') ? request.url : '/')",
        replace: 'request.url',
      },
    ],
  },
  {
    id: 'AT89',
    attack: 'A page frames this site to steal clicks',
    defence: 'X-Frame-Options and frame-ancestors on every answer',
    source: 'ASVS 3.4.6',
    test,
    changes: [
      {
        file: 'packages/server/src/guards/headers.ts',
        find: 'frameAncestors: ["\'none\'"],',
        replace: '',
      },
    ],
  },
  {
    id: 'AT92',
    attack:
      'Somebody signed in leaves by Socket.IO’s own packet and keeps the transport, uncounted, to come in again where nothing is ready for it',
    defence:
      'whoever leaves loses the transport too; the handshake fails by its own rules whatever goes wrong',
    source: 'own review',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/sockets.ts',
        find: 'socket.conn.close();',
        replace: '',
      },
    ],
  },
];
