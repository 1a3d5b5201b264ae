import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  AnswerSchema,
  CreateRoomSchema,
  ERRORS,
  IceCandidateSchema,
  JoinRoomSchema,
  MessageSchema,
  NavigateSchema,
  OfferSchema,
  ParticipantRefSchema,
  RoomRefSchema,
  SignalSchema,
  TriggerSchema,
} from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { infoOf, SETTING_NAMES } from '../src/config/schema.js';
import { loadConfig } from '../src/config.js';
import { TokenManager } from '../src/identity/tokens/token-manager.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? '');

describe('settings', () => {
  it('[DEP1] .env.example names every setting, and no other', () => {
    expect(all(read('.env.example'), /^#([A-Z_]+)=/gm)).toEqual(SETTING_NAMES);
  });

  it('[DEP1] docs/config.md has a row for every setting, and no other', () => {
    expect(all(read('docs/config.md'), /^\| `([A-Z_]+)`/gm)).toEqual(SETTING_NAMES);
  });

  it('[DEP1] docs/config.md tells description, default and secrecy', () => {
    const page = read('docs/config.md');
    const loaded = loadConfig({});
    if (!loaded.ok) throw new Error('The defaults are not valid');
    for (const name of SETTING_NAMES) {
      const { description, secret } = infoOf(name);
      const row = page.split('\n').find((text) => text.startsWith(`| \`${name}\``)) ?? '';
      expect(row).toContain(description.replaceAll('|', '\\|'));
      expect(row.includes('(secret)')).toBe(secret === true);
      const value = loaded.settings[name];
      if (value !== undefined && String(value) !== '') expect(row).toContain(`| \`${String(value)}\` |`);
    }
  });

  it('[DEP1] every example is valid, where it is not a sentence', () => {
    for (const name of SETTING_NAMES) {
      const { example } = infoOf(name);
      if (example.includes('output of')) continue;
      const loaded = loadConfig({ [name]: example, ...companions[name] });
      expect(loaded.ok ? [] : loaded.faults, name).toEqual([]);
    }
  });

  it('[DEP1] every setting is read by something', () => {
    const files = [
      'app-config.ts',
      'app.ts',
      'cli/serve.ts',
      'open-core.ts',
      'open-database.ts',
      'open-ephemeral.ts',
      'open-reads.ts',
      'start-domains.ts',
      'start-gateway.ts',
      'config.ts',
      'config/generated-secrets.ts',
    ];
    const code = files.map((file) => read(`packages/server/src/${file}`)).join('\n');
    expect(SETTING_NAMES.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });
});

/** What an example needs beside it. */
const companions: Partial<Record<string, Record<string, string>>> = {
  NODE_ENV: { JWT_SECRET: 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT' },
  FORCE_HTTPS: { PUBLIC_URL: 'https://bongsu.example.com' },
  SMTP_URL: { MAIL_FROM: 'noreply@example.com' },
  EMAIL_VERIFICATION: { SMTP_URL: 'smtp://localhost', MAIL_FROM: 'noreply@example.com' },
  COMMAND_HOOK_URL: { COMMAND_HOOK_SECRET: 'a-long-enough-secret' },
  TURN_URLS: { TURN_SECRET: 'a-long-enough-secret-of-a-turn-server' },
  DB_PORT: { DB_HOST: 'db' },
  DB_NAME: { DB_HOST: 'db' },
  DB_USER: { DB_HOST: 'db' },
  DB_PASSWORD: { DB_HOST: 'db' },
  DATABASE_READ_URL: { DATABASE_URL: 'postgresql://db/bongsu' },
  REDIS_URL: { DATABASE_URL: 'postgresql://db/bongsu' },
  BRIDGE_REDIS_URL: { DATABASE_URL: 'postgresql://db/bongsu', REDIS_URL: 'redis://near', REGION: 'far' },
  REDIS_HOST: { DATABASE_URL: 'postgresql://db/bongsu' },
  REDIS_PORT: { DATABASE_URL: 'postgresql://db/bongsu', REDIS_HOST: 'redis' },
  REDIS_CA_FILE: { DATABASE_URL: 'postgresql://db/bongsu', REDIS_URL: 'rediss://redis' },
  ADMIN_EMAIL: { ADMIN_PASSWORD: 'a-long-password' },
  ADMIN_PASSWORD: { ADMIN_EMAIL: 'admin@example.com' },
};

describe('error codes', () => {
  const page = read('docs/errors.md');

  it('[SIG8] docs/errors.md has a row for every code, and no other, with status, retry and message', () => {
    const rows = Object.entries(ERRORS).map(
      ([code, { status, retryable, message }]) =>
        `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${message} |`,
    );
    expect(page.split('\n').filter((line) => /^\| `[A-Z_]+`/.test(line))).toEqual(rows);
  });

  it('[SIG8] docs/errors.md explains every code, and no other', () => {
    expect(all(page, /^- \*\*`([A-Z_]+)`\*\*/gm).sort()).toEqual(Object.keys(ERRORS).sort());
  });
});

const sources = readdirSync(join(ROOT, 'packages/server/src'), { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !/\.(test|contract)\.ts$/.test(path),
);

describe('metrics', () => {
  it('[SIG9] docs/metrics.md has a row for every metric, and no other, with its kind and its labels', () => {
    const MADE =
      /\b(counter|gauge|histogram)(?:<[^>]*>)?\(\s*'((?:bongsu|signaling)_\w+)',\s*'[^']*'((?:(?!\b(?:counter|gauge|histogram)\()[^;])*)/g;
    const made = sources.flatMap((path) =>
      [...read(`packages/server/src/${path}`).matchAll(MADE)].map(([, kind, name, rest = '']) => {
        const labels = all(rest.split('(')[0]?.match(/\[\s*'[^\]]*\]/)?.[0] ?? '', /'(\w+)'/g);
        return `| \`${name}\` | ${kind} | ${labels.join(', ') || '–'} |`;
      }),
    );
    expect(made.length).toBeGreaterThan(20);
    expect(all(read('docs/metrics.md'), /^(\| `\w+` \| [^|]* \| [^|]* \|)/gm).sort()).toEqual(made.sort());
  });
});

describe('code', () => {
  it('[DEP1] only the entries of processes know process.env and process.argv', () => {
    const allowed = ['main.ts', 'platform/database/pglite-initdb.ts'];
    const offenders = sources.filter((path) => {
      const code = stripComments(read(`packages/server/src/${path}`));
      return /process\.(env|argv)\b/.test(code) && !allowed.includes(path);
    });
    expect(offenders).toEqual([]);
  });
});

function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

describe('docs/identity.md', () => {
  it('[TOK6] has the diagrams, every method of TokenManager, and examples for client and server', () => {
    const page = read('docs/identity.md');
    expect(page).toMatch(/```mermaid\nsequenceDiagram/);
    expect(page).toMatch(/```mermaid\nstateDiagram/);
    const methods = Object.getOwnPropertyNames(TokenManager.prototype).filter(
      (name) => name !== 'constructor',
    );
    expect(methods).toHaveLength(8);
    for (const method of methods) expect(page).toContain(method);
    for (const name of ['ClientTokenManager', 'authMiddleware', 'POST /api/auth/refresh', 'auth-refresh'])
      expect(page).toContain(name);
    for (const part of ['## Client', '## Server']) {
      const text = page.slice(page.indexOf(part)).slice(part.length).split('\n## ')[0];
      expect(text, part).toMatch(/```(ts|js|typescript|javascript)\n/);
    }
  });
});

describe('docs/signaling.md', () => {
  const [sent = '', heard = ''] =
    read('docs/signaling.md').split('\n## All events\n')[1]?.split('\n## ')[0]?.split('\n| you hear |') ?? [];
  const rowsOf = (table: string) =>
    [...table.matchAll(/^\| `([a-z-]+)` \| (?:`\{([^}]*)\}`)?/gm)].map(([, name, fields]) => [name, fields]);
  const eventsOf = (name: string) => {
    const code = read('packages/protocol/src/sockets.ts').split(`export interface ${name} {`)[1];
    return all(code?.split('\n}')[0] ?? '', /^ {2}'?([a-z-]+)'?: \(/gm);
  };
  const elsewhere = ['status', 'report', 'ready', 'auth-refresh', 'auth-expiring', 'session-closing'];
  const ofRooms = (name: string) =>
    eventsOf(name).filter((event) => !elsewhere.includes(event) && !/^(command|screen)-status$/.test(event));

  it('[SIG3] its table has a row for every event of rooms that one sends, and no other, with its fields', () => {
    const schemas: Record<string, z.ZodType> = {
      'create-room': CreateRoomSchema,
      'join-room': JoinRoomSchema,
      'leave-room': RoomRefSchema,
      'lock-room': RoomRefSchema,
      'unlock-room': RoomRefSchema,
      admit: ParticipantRefSchema,
      kick: ParticipantRefSchema,
      message: MessageSchema,
      trigger: TriggerSchema,
      navigate: NavigateSchema,
      signal: SignalSchema,
      offer: OfferSchema,
      answer: AnswerSchema,
      'ice-candidate': IceCandidateSchema,
    };
    expect(Object.keys(schemas).sort()).toEqual(ofRooms('ClientToServerEvents').sort());
    const fields = (schema: z.ZodType) => {
      const object = schema instanceof z.ZodPipe ? schema.out : schema;
      if (!(object instanceof z.ZodObject)) throw new Error('The payload is no object');
      const named = Object.entries(object.shape as Record<string, z.ZodType>);
      return named.map(([name, field]) => (field.isOptional() ? `${name}?` : name)).join(', ');
    };
    const told = Object.entries(schemas).map(([name, schema]) => [name, fields(schema)]);
    const sorted = (rows: (string | undefined)[][]) =>
      rows.map(([name, list = '']) => `${name}: ${list.split(', ').sort().join(', ')}`).sort();
    expect(sorted(rowsOf(sent))).toEqual(sorted(told));
  });

  it('[SIG3] its table has a row for every event of rooms that one hears, and no other', () => {
    expect(
      rowsOf(heard)
        .map(([name]) => name)
        .sort(),
    ).toEqual(ofRooms('ServerToClientEvents').sort());
  });
});

describe('docs/security', () => {
  const tested = ['packages/server/test/attacks', 'test/browser'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((name) => all(read(`${folder}/${name}`), /\[(AT\d+)\]/g)),
  );
  const entries = readdirSync(join(ROOT, 'bench/proofs/attacks/catalogue')).flatMap((name) =>
    all(read(`bench/proofs/attacks/catalogue/${name}`), /\bid: '(AT\d+)'/g),
  );

  it('[SEC4] every attack test has an entry in the catalogue and a line in attacks.md, and the other way round', () => {
    const listed = all(read('docs/security/attacks.md'), /^\| (AT\d+) \|/gm);
    expect(new Set(entries).size).toBe(entries.length);
    expect([...new Set(tested)].sort()).toEqual([...entries].sort());
    expect(listed.sort()).toEqual([...entries].sort());
  });

  it('[SEC6] every line of asvs.md says how it is met, and every test and attack that it names exists', () => {
    const page = read('docs/security/asvs.md');
    const rows = page.split('\n').filter((line) => /^\| \d+\.\d+\.\d+ \|/.test(line));
    expect(rows.length).toBeGreaterThan(60);
    expect(rows.filter((row) => row.split(' | ').some((cell) => cell.trim() === ''))).toEqual([]);
    expect(page).not.toMatch(/TODO/);
    expect(all(page, /\b(AT\d+)\b/g).filter((id = '') => !entries.includes(id))).toEqual([]);
    const files = all(page, /`((?:packages|bench|test)\/[\w./-]+)`/g);
    expect(files.filter((path = '') => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('docs/delivery.md, docs/resilience.md', () => {
  const rules = new Set(all(read('docs/protocol.md'), /^- \*\*\[([A-Z]{2}\d+)\]\*\*/gm));
  // The table of the guarantee speaks of proofs, not of rules.
  const pages = ['delivery', 'resilience'].map((name) =>
    read(`docs/${name}.md`).replace(/<!-- guarantee:start -->[\s\S]*<!-- guarantee:end -->/, ''),
  );

  it('[DL1] each diagram, list item and row of a table names rules, and each of them exists', () => {
    for (const page of pages) {
      expect(all(page, /\[([A-Z]{2}\d+)\]/g).filter((rule) => !rules.has(rule))).toEqual([]);
      const diagrams = all(page, /```mermaid\n([\s\S]*?)```/g);
      const text = page.replace(/```[\s\S]*?```/g, '');
      const rows = all(text, /^\|[^\n]*\|\n\|[-|]+\|\n((?:\|.*\n)+)/gm).flatMap((table = '') =>
        table.trim().split('\n'),
      );
      const statements = [...diagrams, ...rows, ...all(text, /^((?:-|\d+\.) .*)$/gm)];
      expect(statements.length).toBeGreaterThan(10);
      expect(statements.filter((statement = '') => !/\[[A-Z]{2}\d+\]/.test(statement))).toEqual([]);
    }
  });

  it('[DL1] there is a diagram of each: life, window, retries, dead letters, repeats, heartbeat, breaker', () => {
    const [delivery = '', resilience = ''] = pages;
    for (const title of [
      'The life of a command',
      'A window of entries',
      'Retries',
      'Dead letters',
      'When the same command comes twice',
      'Heartbeat',
    ]) {
      const section = delivery.split(`## ${title}\n`)[1]?.split('\n## ')[0];
      expect(section, title).toContain('```mermaid');
    }
    expect(resilience.split('## The breaker\n')[1]?.split('\n## ')[0]).toContain('```mermaid');
  });
});
