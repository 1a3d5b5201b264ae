/** What the console defends. These tests drive the built console, so a patch shows only after `npm run build`. */
export default [
  {
    id: 'AT90',
    attack:
      'A script that got into the console looks for tokens in every storage, readable cookie and global, asks other tabs and refreshes, to carry the login away',
    defence:
      'cookie mode: the refresh token is HttpOnly and in no answer, the access token in no storage and no global. While it runs the script can act as the user; against that stand the CSP and no code of third parties',
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
