import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, say } from './process.mjs';

function isOnPath(...names) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) =>
    names.some((name) => {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
  );
}

function hasPostgres() {
  if (process.env.TEST_DATABASE_URL) return true;
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  return (
    isOnPath('initdb') || versions.some((version) => existsSync(`/usr/lib/postgresql/${version}/bin/initdb`))
  );
}

function hasChromium() {
  return existsSync(process.env.CHROMIUM_PATH ?? '/usr/bin/chromium');
}

const TOOLS = [
  {
    name: 'PostgreSQL',
    isThere: hasPostgres,
    package: 'postgresql',
    without:
      'the suites that need PostgreSQL are skipped (set TEST_DATABASE_URL to one that may make databases)',
  },
  {
    name: 'Chromium',
    isThere: hasChromium,
    package: 'chromium',
    without: 'the browser suite is left out (set CHROMIUM_PATH to a Chromium or Chrome)',
    project: 'browser',
  },
  {
    name: 'Redis',
    isThere: () => isOnPath('redis-server'),
    package: 'redis-server',
    service: 'redis-server.service',
    without: 'the suites that need Redis are skipped (put its redis-server on the PATH)',
  },
  ...['nginx', 'haproxy'].map((name) => ({
    name,
    isThere: () => isOnPath(name),
    package: name,
    service: `${name}.service`,
    without: `the suites behind ${name} are skipped (put it on the PATH)`,
  })),
  {
    name: 'coturn',
    isThere: () => isOnPath('turnserver'),
    package: 'coturn',
    service: 'coturn.service',
    without: 'the suites that need a TURN server are skipped (put its turnserver on the PATH)',
  },
];

const canInstall = () => process.getuid?.() === 0 && existsSync('/etc/debian_version') && isOnPath('apt-get');

/** Else its package would start it on every address, at once and at each boot: tests start their own on the loopback. */
async function keepFromStarting(services) {
  if (services.length > 0 && isOnPath('systemctl')) {
    await run('systemctl', ['mask', ...services], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

async function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return run('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Installs by apt what tests need, as root on Debian. @returns what is still missing */
export async function prepareTools() {
  const missing = TOOLS.filter((tool) => !tool.isThere());
  if (missing.length > 0 && canInstall()) {
    const packages = missing.map((tool) => tool.package);
    await keepFromStarting(missing.flatMap(({ service = [] }) => service));
    say(`Installing ${packages.join(' and ')} for the tests (apt-get) …`);
    await apt('-qq', 'update');
    await apt('-qq', 'install', '-y', '--no-install-recommends', ...packages);
  }
  return TOOLS.filter((tool) => !tool.isThere());
}
