const test = 'packages/server/test/attacks/cookie-mode.test.ts';
const csrf = 'packages/server/src/guards/csrf.ts';
const http = 'packages/server/src/gateway/http.ts';

/** Attacks by way of a browser that holds the victim's cookie. */
export default [
  {
    id: 'AT70',
    attack: 'A page of another site, of a sibling host, or one that hides its origin, uses the cookie',
    defence:
      'Sec-Fetch-Site and Origin must speak for this site or a listed one, on every call of cookie mode',
    source: 'OWASP CSRF cheat sheet; ASVS 3.5.1',
    test,
    changes: [{ file: csrf, find: "if (site === 'foreign')", replace: 'if (false)' }],
  },
  {
    id: 'AT71',
    attack: 'A request that says nothing of its site uses the cookie',
    defence: 'silence needs a CSRF token, and a cookie without the header is not believed',
    source: 'OWASP CSRF cheat sheet',
    test,
    changes: [{ file: csrf, find: "if (site === 'silent'", replace: 'if (false' }],
  },
  {
    id: 'AT72',
    attack: 'A form posts urlencoded, multipart, or JSON as text/plain, for which no browser asks first',
    defence: 'only application/json is read',
    source: 'ASVS 3.5.2',
    test,
    changes: [
      {
        file: http,
        find: "app.removeContentTypeParser('text/plain');",
        replace: `app.removeContentTypeParser('text/plain');
  app.addContentTypeParser(/^(text|multipart|application.x-www)/, { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    }
  });`,
      },
    ],
  },
  {
    id: 'AT74',
    attack: 'A CSRF token of another login, an altered one, or one past its end goes along',
    defence: 'the token is an HMAC over the login, its end and chance',
    source: 'OWASP signed double submit',
    test,
    changes: [{ file: csrf, find: '[Buffer.from(sessionId), body]', replace: '[body]' }],
  },
  {
    id: 'AT75',
    attack: 'A link carries a token in its address, which proxies and histories keep',
    defence: 'tokens are read from the handshake’s auth and the Authorization header only',
    source: 'ASVS 14.2.1',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/authenticate.ts',
        find: 'const auth: unknown = socket.handshake.auth;',
        replace: 'const auth: unknown = { ...socket.handshake.query, ...socket.handshake.auth };',
      },
    ],
  },
  {
    id: 'AT76',
    attack: 'A link or an image makes a GET that changes something, by itself or by a method-override header',
    defence:
      'only POST, PUT, PATCH and DELETE change anything, and the method is the one of the request line',
    source: 'ASVS 3.5.3',
    test,
    changes: [
      {
        file: http,
        find: 'logger: false,',
        replace: `logger: false,
    rewriteUrl: (raw) => {
      const named = raw.headers['x-http-method-override'];
      if (typeof named === 'string') raw.method = named;
      return raw.url ?? '/';
    },`,
      },
    ],
  },
  {
    id: 'AT86',
    attack: 'A neighbour plants a cookie of the same name, or one without the __Host- prefix',
    defence: 'names are compared byte by byte, and of two cookies with one name neither counts',
    source: 'research 2.6; “cookie tossing”',
    test,
    changes: [
      {
        file: 'packages/server/src/identity/logins/cookie-mode.ts',
        find: 'values.length === 1 ? values[0] : undefined',
        replace: 'values[0]',
      },
    ],
  },
];
