/** What the console defends. These tests drive the built console, so a patch shows only after `npm run build`. */
export default [
  {
    id: 'AT90',
    attack:
      'A script that got into the console looks through every storage, readable cookie and global for tokens',
    defence: 'cookie mode: the refresh token is HttpOnly, the access token in private fields of memory only',
    source: 'OWASP ASVS 5.0 V7.2 and V14.3.3; tokens in localStorage are the common finding',
    test: 'test/browser/tokens-in-reach.test.ts',
    needsBuild: true,
    changes: [
      {
        file: 'packages/console/src/api/services.ts',
        find: 'cookies: true',
        replace: 'cookies: false',
      },
    ],
  },
];
