const test = 'packages/server/test/attacks/input.test.ts';
const http = 'packages/server/src/gateway/http.ts';

/** Attacks by what a request or a frame holds. */
export default [
  {
    id: 'AT73',
    attack: 'A content type is written with tabs, blanks or capitals, so that a body is read but not checked',
    defence: 'one schema for a route, whatever the content type that was read',
    source: 'CVE-2025-32442, CVE-2026-25223, CVE-2026-33806',
    test,
    changes: [
      {
        file: http,
        find: 'app.setValidatorCompiler(validatorCompiler);',
        replace: 'app.setValidatorCompiler(() => (value) => ({ value }));',
      },
    ],
  },
  {
    id: 'AT81',
    attack: 'A frame is too large, or promises attachments without end',
    defence: 'frames of 256 KiB; the parser takes ten attachments',
    source: 'CVE-2026-33151, CVE-2026-69185, CVE-2026-59725',
    test,
    changes: [
      {
        file: 'packages/server/src/gateway/sockets.ts',
        find: 'maxHttpBufferSize: MAX_FRAME_BYTES,',
        replace: 'maxHttpBufferSize: 1e9,',
      },
    ],
  },
  {
    id: 'AT83',
    attack: '__proto__ and constructor keys come in bodies and events',
    defence: 'nothing merges what was sent into an object, and schemas keep known keys only',
    source: 'ASVS 15.3.6',
    test,
    changes: [
      {
        file: 'packages/server/src/identity/routes/index.ts',
        find: 'else parse(request, String(body), done);',
        replace: `else {
      const merge = (into: any, from: any): any => {
        for (const key of Object.keys(from)) {
          const value = from[key];
          if (value !== null && typeof value === 'object') into[key] = merge(into[key] ?? {}, value);
          else into[key] = value;
        }
        return into;
      };
      done(null, merge({}, JSON.parse(String(body))));
    }`,
      },
    ],
  },
  {
    id: 'AT84',
    attack: 'Parameters come twice, with SQL in them, or as a cursor made up or of somebody else',
    defence: 'every value is a parameter of its statement, and a cursor is a place in one’s own list',
    source: 'Kratos GHSA-hgx2-28f8-6g2r; ASVS 1.2.4, 15.3.7',
    test,
    changes: [
      {
        file: 'packages/server/src/screens/store/screens.ts',
        find: '`${SELECT_SCREENS} where s.id = $1`, [id]',
        replace: "`${SELECT_SCREENS} where s.id = '${id}'`, []",
      },
    ],
  },
  {
    id: 'AT85',
    attack: 'A body is larger than any call needs: by its length, in chunks, or packed',
    defence: 'bodies of 64 KiB, counted as they come; nothing is unpacked',
    source: 'ASVS 5.2.1',
    test,
    changes: [{ file: http, find: 'bodyLimit: MAX_BODY_BYTES,', replace: 'bodyLimit: 1e9,' }],
  },
  {
    id: 'AT94',
    attack:
      'A command dated as late as may be is sent again under another id, with its nonce, at the end of its freshness',
    defence: 'nonces are kept as long as the whole window of freshness, both sides of now',
    source: 'Infisical #6112',
    test,
    changes: [
      {
        file: 'packages/server/src/guards/nonce-manager.ts',
        find: 'setIfAbsent(key, commandId, NONCE_TTL_MS)',
        replace: 'setIfAbsent(key, commandId, NONCE_TTL_MS / 2)',
      },
    ],
  },
];
