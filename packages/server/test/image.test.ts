import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../src/chaos/processes.js';
import { commandOf, environmentOf, readStages, textsOf } from './support/dockerfile.js';
import { fillPgliteFolder } from './support/pglite-databases.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCKERFILE = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');
const [BUILD = [], IMAGE = []] = readStages(DOCKERFILE);
/** Root may become anybody, as Docker does; others are themselves. */
const owner = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};

interface Ended {
  code: number | null;
  output: string;
}

/** Runs a command to its end. */
function run(command: string, args: readonly string[], options: object): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 10_000_000, ...options }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, output: `${out}${err}` }),
    );
  });
}

describe('the image', () => {
  // Its /bongsu, /data and /usr are in here.
  let folder = '';
  let server: ChildProcess | undefined;
  const inFolder = (stage: string, text: string) =>
    text.replaceAll(/(^|[\s"=])\/(bongsu|data|usr)/g, `$1${join(folder, stage)}/$2`);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bongsu-image-'));
    chmodSync(folder, 0o755);
    await buildStage();
    await imageStage();
  });
  afterAll(() => {
    server?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** All that is in the build context, and what the last build made; npm brings what is installed here in place of the network. */
  async function buildStage(): Promise<void> {
    const home = join(folder, 'build/bongsu');
    mkdirSync(home, { recursive: true });
    const { output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
    });
    const packages = ['protocol', 'client', 'server', 'console'].map((name) => `packages/${name}/dist`);
    for (const path of [...output.split('\0').filter(isInContext), ...packages]) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      cpSync(join(ROOT, path), join(home, path), { recursive: true });
    }
    const shim = join(folder, 'bin');
    mkdirSync(shim);
    writeFileSync(join(shim, 'npm'), NPM, { mode: 0o755 });
    const env = { PATH: `${shim}:${process.env.PATH}`, HOME: folder, ROOT };
    for (const text of textsOf(BUILD, 'RUN')) {
      expect(await run('sh', ['-c', text], { cwd: home, env })).toMatchObject({ code: 0 });
    }
  }

  async function imageStage(): Promise<void> {
    const home = join(folder, 'image/bongsu');
    mkdirSync(home, { recursive: true });
    mkdirSync(join(folder, 'image/usr/local/bin'), { recursive: true });
    for (const text of textsOf(IMAGE, 'RUN')) {
      const command = inFolder(
        'image',
        process.getuid?.() === 0 ? text : text.replace(/ -o 1000 -g 1000/, ''),
      );
      expect(await run('sh', ['-c', command], {})).toMatchObject({ code: 0 });
    }
    expect(statSync(join(folder, 'image/data')).uid).toBe(owner.uid ?? process.getuid?.());
    for (const text of textsOf(IMAGE, 'COPY')) {
      const [from = '', to = ''] = text.replace('--from=build ', '').split(' ');
      cpSync(join(folder, 'build', from), join(home, to), { recursive: true, verbatimSymlinks: true });
    }
  }

  const environment = () => ({
    PATH: process.env.PATH,
    ...Object.fromEntries(
      Object.entries(environmentOf(IMAGE)).map(([name, value]) => [name, inFolder('image', value)]),
    ),
  });

  it('[ND44] runs as uid 1000, is asked every 30 s, and holds nothing that tests or builds', async () => {
    expect(textsOf(IMAGE, 'USER')).toEqual(['1000:1000']);
    expect(textsOf(IMAGE, 'HEALTHCHECK')[0]).toMatch(
      /^--interval=30s --timeout=3s --start-period=40s --retries=3 CMD \[/,
    );
    expect(environmentOf(IMAGE)).toMatchObject({ HOST: '0.0.0.0', NODE_ENV: 'production' });
    const { output } = await run(
      'find',
      ['.', '-name', 'vitest', '-o', '-name', '*.test.*', '-o', '-name', '.env'],
      {
        cwd: join(folder, 'image/bongsu'),
      },
    );
    expect(
      output.split('\n').filter((path) => !path.includes('/node_modules/') || path.includes('vitest')),
    ).toEqual(['']);
  });

  it('[ND44] [OBS3] its HEALTHCHECK fails before, succeeds while the server runs, and fails after it was stopped', async () => {
    const home = join(folder, 'image/bongsu');
    const data = join(folder, 'image/data');
    // The first start of all takes seconds.
    await fillPgliteFolder(data, true);
    if (owner.uid !== undefined) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, data], {});
    // On the loopback here; the address of the image is that of all.
    const env = {
      ...environment(),
      HOST: '127.0.0.1',
      PORT: String(await freePort()),
      JWT_SECRET: randomBytes(64).toString('base64'),
      PII_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      LOG_LEVEL: 'warn',
    };
    const options = { cwd: home, env, ...owner };
    const [node = '', ...check] = commandOf(textsOf(IMAGE, 'HEALTHCHECK')[0] ?? '');
    const health = () => run(node, check, options);
    expect(await health()).toMatchObject({ code: 1, output: expect.stringContaining('ECONNREFUSED') });
    const command = [
      ...commandOf(textsOf(IMAGE, 'ENTRYPOINT')[0] ?? ''),
      ...commandOf(textsOf(IMAGE, 'CMD')[0] ?? ''),
    ];
    const [program = '', ...args] = command;
    server = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (log += chunk));
    const ended = once(server, 'exit');
    await Promise.race([
      expect
        .poll(health, { timeout: 60_000 })
        .toMatchObject({ code: 0, output: expect.stringContaining('"status":"ok"') }),
      ended.then(() => expect.unreachable(log)),
    ]);
    server.kill('SIGSTOP');
    expect(await health()).toMatchObject({ code: 1 });
    server.kill('SIGCONT');
    server.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await health()).toMatchObject({ code: 1 });
  }, 90_000);

  it('[DEP2] knows the command line by its name', async () => {
    const { code, output } = await run(join(folder, 'image/usr/local/bin/bongsu'), ['--help'], owner);
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('Usage: bongsu') });
  });

  it('[DEP2] its context leaves out secrets, and what is built or installed here', () => {
    const left = [
      '.env',
      'deploy/secrets/jwt_secret',
      'node_modules/zod/index.js',
      'packages/server/dist/main.js',
      'data/x',
    ];
    expect(left.filter(isInContext)).toEqual([]);
    expect(
      ['package-lock.json', 'packages/server/src/main.ts', 'deploy/healthcheck.mjs'].every(isInContext),
    ).toBe(true);
  });
});

const IGNORED = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map(
    (line) =>
      new RegExp(
        `^${line
          .replaceAll('.', '\\.')
          .replaceAll('**/', '(.*/)?')
          .replaceAll(/(?<!\.)\*/g, '[^/]*')
          .replaceAll('(.[^/]*/)?', '(.*/)?')}(/|$)`,
      ),
  );

function isInContext(path: string): boolean {
  return path !== '' && !IGNORED.some((pattern) => pattern.test(relative('.', path)));
}

/** `npm ci --omit=dev` is what of the installation here is needed to run; a build has been made already, before all tests. */
const NPM = `#!/bin/sh
set -e
case "$*" in
  'ci --no-audit --no-fund' | 'run build') ;;
  'ci --omit=dev --workspace=bongsu --no-audit --no-fund')
    rm -rf node_modules
    mkdir -p node_modules/@bongsu
    ln -s ../packages/server node_modules/bongsu
    for name in protocol client; do ln -s "../../packages/$name" "node_modules/@bongsu/$name"; done
    home=$(pwd)
    cd "$ROOT"
    PATH=\${PATH#*:} npm ls --omit=dev --workspace=bongsu --parseable --all | sed "s|^$(pwd -P)/||" | grep -E '^(packages/server/)?node_modules/' |
      grep -vE 'node_modules/(@bongsu/[a-z]+|bongsu)$' | tar cf - -T - | tar xf - -C "$home"
    ;;
  *) echo "npm was asked for what this test does not know: $*" >&2; exit 1 ;;
esac
`;
