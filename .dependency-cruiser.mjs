/**
 * Who may import whom: the table of docs/architecture.md, enforced by `npm run check`.
 * Paths are those of sources; `type-only` imports leave no trace at run time.
 */
const SERVER = '^packages/server/src';
const DOMAINS = 'identity|screens|commands|rooms|operations|audit';
const TESTS = '(\\.test|\\.contract)\\.ts$|/test/';
const TYPE_ONLY = ['type-only'];

/** Only files that match `allowed` may import the npm package, even as a type. */
const onlyIn = (name, packages, allowed) => ({
  name,
  severity: 'error',
  comment: `${packages} belongs behind one file, so that it can be replaced there.`,
  from: { path: SERVER, pathNot: [allowed, TESTS] },
  to: { path: `^node_modules/(${packages})/` },
});

export default {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: TYPE_ONLY } },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'A path or package that is not there.',
      from: {},
      to: { couldNotResolve: true, pathNot: '\\.(css|svg|png)$' },
    },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      comment: 'An npm package that the package.json of the importer does not name.',
      from: { path: '^packages/[^/]+/src', pathNot: TESTS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'protocol-imports-zod-only',
      severity: 'error',
      from: { path: '^packages/protocol/src', pathNot: TESTS },
      to: { pathNot: ['^packages/protocol/src', '^node_modules/zod/'] },
    },
    {
      name: 'client-imports-protocol-and-socket-io',
      severity: 'error',
      from: { path: '^packages/client/src', pathNot: TESTS },
      to: {
        pathNot: ['^packages/(client|protocol)/', '^node_modules/(socket\\.io-client|uuid)/'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'client-runs-in-browsers',
      severity: 'error',
      comment: 'Only the file store is for Node.',
      from: { path: '^packages/client/src', pathNot: [TESTS, '/file-(store|lock)\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'console-imports-client-and-protocol',
      severity: 'error',
      from: { path: '^packages/console/src' },
      to: { path: '^packages/(server|conformance)/' },
    },
    {
      name: 'conformance-is-a-black-box',
      severity: 'error',
      from: { path: '^packages/conformance/src' },
      to: { path: '^packages/(server|client|console)/' },
    },
    {
      name: 'server-imports-protocol-only',
      severity: 'error',
      comment: 'The server never needs its clients; only the harness that breaks it has clients of its own.',
      from: { path: SERVER, pathNot: [TESTS, `${SERVER}/chaos/`] },
      to: { path: '^packages/(client|console|conformance)/' },
    },
    {
      name: 'chaos-is-for-the-cli',
      severity: 'error',
      comment: 'What a server runs must not know of the harness.',
      from: { path: SERVER, pathNot: [`${SERVER}/(chaos|cli)/`, TESTS] },
      to: { path: `${SERVER}/chaos/` },
    },
    {
      name: 'chaos-breaks-from-outside',
      severity: 'error',
      comment:
        'It uses the database adapter to make and drop a database of its own, and clients; no domain, no gateway.',
      from: { path: `${SERVER}/chaos/`, pathNot: TESTS },
      to: { path: [SERVER, '^packages/(console|conformance)/'], pathNot: `${SERVER}/(chaos|platform)/` },
    },
    {
      name: 'platform-knows-nobody',
      severity: 'error',
      from: { path: `${SERVER}/platform/`, pathNot: TESTS },
      to: { path: SERVER, pathNot: `${SERVER}/platform/` },
    },
    {
      name: 'guards-know-the-platform-only',
      severity: 'error',
      from: { path: `${SERVER}/guards/`, pathNot: TESTS },
      to: { path: SERVER, pathNot: `${SERVER}/(guards|platform)/` },
    },
    {
      name: 'domains-stay-apart',
      severity: 'error',
      comment: 'Values of another domain arrive by injection.',
      from: { path: `${SERVER}/(${DOMAINS})/`, pathNot: TESTS },
      to: { path: `${SERVER}/(${DOMAINS})/`, pathNot: `${SERVER}/$1/`, dependencyTypesNot: TYPE_ONLY },
    },
    {
      name: 'domains-meet-at-the-index',
      severity: 'error',
      comment: 'Types of another domain come from its index.ts.',
      from: { path: `${SERVER}/(${DOMAINS})/`, pathNot: TESTS },
      to: {
        path: `${SERVER}/(${DOMAINS})/`,
        pathNot: [`${SERVER}/$1/`, `${SERVER}/(${DOMAINS})/index\\.ts$`],
      },
    },
    {
      name: 'domains-know-no-gateway',
      severity: 'error',
      comment: 'Except for the types that it adds to Fastify.',
      from: { path: `${SERVER}/(${DOMAINS})/`, pathNot: TESTS },
      to: {
        path: `${SERVER}/(gateway|config|cli|[^/]+\\.ts$)`,
        pathNot: `${SERVER}/gateway/fastify-types\\.ts$`,
      },
    },
    {
      name: 'gateway-gets-domains-injected',
      severity: 'error',
      from: { path: `${SERVER}/gateway/`, pathNot: TESTS },
      to: { path: `${SERVER}/((${DOMAINS})/|config|cli|[^/]+\\.ts$)`, dependencyTypesNot: TYPE_ONLY },
    },
    {
      name: 'app-is-composed-once',
      severity: 'error',
      comment: 'Only the command line and tests build a server.',
      from: { pathNot: [`${SERVER}/(app|main)\\.ts$`, `${SERVER}/cli/`, TESTS] },
      to: { path: `${SERVER}/app\\.ts$` },
    },
    {
      name: 'config-is-for-the-composition',
      severity: 'error',
      comment: 'Everything else gets its slice of settings.',
      from: { path: SERVER, pathNot: [`${SERVER}/(cli|config)/`, `${SERVER}/[^/]+\\.ts$`, TESTS] },
      to: { path: `${SERVER}/config` },
    },
    {
      name: 'store-is-for-its-domain',
      severity: 'error',
      comment: 'SQL of a domain is nobody else’s business.',
      from: { path: `${SERVER}/([^/]+)`, pathNot: TESTS },
      to: { path: `${SERVER}/[^/]+/store(\\.ts$|/)`, pathNot: `${SERVER}/$1/` },
    },
    onlyIn('pg-in-its-adapters', 'pg', `${SERVER}/platform/database/`),
    onlyIn('pglite-in-its-adapter', '@electric-sql/pglite', `${SERVER}/platform/database/pglite[^/]*\\.ts$`),
    onlyIn('ioredis-in-its-adapter', 'ioredis', `${SERVER}/platform/ephemeral/redis[^/]*\\.ts$`),
    onlyIn('pino-in-the-log', 'pino|pino-pretty', `${SERVER}/platform/log-output\\.ts$`),
    onlyIn('prom-client-in-metrics', 'prom-client', `${SERVER}/platform/metrics\\.ts$`),
    onlyIn('cockatiel-in-resilience', 'cockatiel', `${SERVER}/platform/resilience/`),
    onlyIn('socket-io-client-in-chaos', 'socket\\.io-client', `${SERVER}/chaos/`),
    onlyIn('commander-in-the-cli', 'commander', `${SERVER}/cli/`),
    onlyIn('socket-io-in-the-gateway', 'socket\\.io|engine\\.io', `${SERVER}/(gateway/|[^/]+/events\\.ts$)`),
    onlyIn(
      'fastify-in-surfaces',
      'fastify|@fastify/[^/]+|fastify-type-provider-zod|fastify-plugin',
      `${SERVER}/(gateway/|guards/(headers|csrf)\\.ts$|[^/]+/(([a-z-]*routes|index|types)\\.ts$|routes/)|app\\.ts$)`,
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '/dist/'] },
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['types', 'main'],
    },
  },
};
