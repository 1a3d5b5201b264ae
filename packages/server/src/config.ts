import type { z } from 'zod';
import { type Environment, findSetting } from './config/environment.js';
import type { ConfigFault } from './config/faults.js';
import { checkRules, warnOfRisks } from './config/rules.js';
import { infoOf, SETTING_NAMES, type SettingName, type Settings, SettingsSchema } from './config/schema.js';
import { Secret } from './config/secret.js';
import { warnOfUnknownNames } from './config/unknown-names.js';
import type { RedisServer } from './platform/ephemeral/redis-server.js';

export type { Environment } from './config/environment.js';
export { type ConfigFault, formatFault } from './config/faults.js';
export { type Config, GeneratedSecretError, withGeneratedSecrets } from './config/generated-secrets.js';
export type { SettingName, Settings } from './config/schema.js';

/** Where each setting came from: `default`, or the name of the variable (`BONGSU_PORT`, `JWT_SECRET_FILE`). */
export type Sources = Readonly<Record<SettingName, string>>;

export type Loaded =
  | { ok: true; settings: Readonly<Settings>; sources: Sources; warnings: readonly string[] }
  | { ok: false; faults: readonly ConfigFault[]; warnings: readonly string[] };

/**
 * Checks an environment against the schema. Reports every fault at once; touches nothing but the files that *_FILE name.
 * @example const loaded = loadConfig(process.env); if (loaded.ok) await withGeneratedSecrets(loaded.settings)
 */
export function loadConfig(env: Environment): Loaded {
  const faults: ConfigFault[] = [];
  const given = new Set<SettingName>();
  const sources: Partial<Record<SettingName, string>> = {};
  const values: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const found = findSetting(env, name);
    sources[name] = 'default';
    if (found) given.add(name);
    if (found && 'message' in found) {
      faults.push(found);
      continue;
    }
    if (found) sources[name] = found.source;
    const result = (SettingsSchema.shape[name] as z.ZodType).safeParse(found?.text);
    if (result.success) values[name] = result.data;
    else faults.push(describeFault(name, found?.source ?? name, found?.text, result.error));
  }
  const settings = values as Partial<Settings>;
  faults.push(...checkRules({ settings, given }));
  const warnings = [...warnOfUnknownNames(env), ...warnOfRisks({ settings, given })];
  if (faults.length > 0) return { ok: false, faults, warnings };
  // Every name has a value now, or a fault would have been found.
  return { ok: true, settings: finish(values as Settings, given), sources: sources as Sources, warnings };
}

function describeFault(
  name: SettingName,
  source: string,
  text: string | undefined,
  error: z.ZodError,
): ConfigFault {
  const { secret, example } = infoOf(name);
  const shown = secret || text === undefined ? '' : `, but is ${JSON.stringify(text.slice(0, 100))}`;
  const fault = { name: source, message: `${error.issues[0]?.message ?? 'is not valid'}${shown}` };
  return source.endsWith('_FILE') && secret ? fault : { ...fault, example };
}

function finish(settings: Settings, given: ReadonlySet<SettingName>): Readonly<Settings> {
  const databaseUrl = settings.DATABASE_URL ?? (given.has('DB_HOST') ? databaseUrlOf(settings) : undefined);
  const redisUrl = settings.REDIS_URL ?? (given.has('REDIS_HOST') ? redisUrlOf(settings) : undefined);
  const logLevel = settings.DEBUG ? 'debug' : settings.LOG_LEVEL;
  return Object.freeze({ ...settings, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG_LEVEL: logLevel });
}

function databaseUrlOf({ DB_HOST: host = '', DB_PORT, DB_NAME, DB_USER, DB_PASSWORD }: Settings): Secret {
  const password = DB_PASSWORD ? `:${encodeURIComponent(DB_PASSWORD.reveal())}` : '';
  const path = `/${encodeURIComponent(DB_NAME)}`;
  const login = `${encodeURIComponent(DB_USER)}${password}`;
  const isSocketFolder = host.startsWith('/');
  const address = isSocketFolder ? `${encodeURIComponent(host)}` : host.includes(':') ? `[${host}]` : host;
  return new Secret(`postgresql://${login}@${address}:${DB_PORT}${path}`);
}

function redisUrlOf({ REDIS_HOST: host = '', REDIS_PORT: port }: Settings): Secret<RedisServer> {
  return new Secret<RedisServer>({ kind: 'single', addresses: [{ host, port }], db: 0, tls: false });
}
