import { isDeepStrictEqual } from 'node:util';
import { passwordFault } from '../identity/passwords/acceptable.js';
import type { ConfigFault } from './faults.js';
import { infoOf, type SettingName, type Settings } from './schema.js';
import { isTurnUrl } from './values.js';

/** What rules see: settings with a fault of their own are absent, `given` tells what the user wrote. */
export interface RuleInput {
  settings: Partial<Settings>;
  given: ReadonlySet<SettingName>;
}

const needs = (name: SettingName, message: string): ConfigFault => ({
  name,
  message,
  example: infoOf(name).example,
});

function productionRules({ settings, given }: RuleInput): (ConfigFault | false)[] {
  if (settings.NODE_ENV !== 'production') return [];
  return [
    settings.CORS_ALLOW_ALL_ORIGINS === true && {
      name: 'CORS_ALLOW_ALL_ORIGINS',
      message: 'must not be true in production; list the origins in CORS_ORIGINS',
    },
    settings.DEBUG === true && { name: 'DEBUG', message: 'must not be true in production' },
    !given.has('JWT_SECRET') && needs('JWT_SECRET', 'is required in production'),
    // A generated key lives in one folder; in a database that outlives the folder, what it encrypted would be lost.
    isPostgres(given) &&
      !given.has('PII_KEYS') &&
      needs('PII_KEYS', 'is required in production with PostgreSQL, and must be kept as long as its data'),
  ];
}

function isPostgres(given: RuleInput['given']): boolean {
  return given.has('DATABASE_URL') || given.has('DB_HOST');
}

function databaseRules({ settings, given }: RuleInput): (ConfigFault | false)[] {
  const details = (['DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'] as const).filter((name) =>
    given.has(name),
  );
  return [
    details.length > 0 &&
      !isPostgres(given) &&
      needs(
        'DB_HOST',
        `is required with ${details.join(', ')}; without it the embedded database would be used`,
      ),
    given.has('DATABASE_READ_URL') &&
      !isPostgres(given) &&
      needs('DATABASE_URL', 'is required with DATABASE_READ_URL: it names the primary of that replica'),
    settings.DATABASE_READ_URL !== undefined &&
      settings.DATABASE_READ_URL.reveal() === settings.DATABASE_URL?.reveal() &&
      needs('DATABASE_READ_URL', 'must not be the same as DATABASE_URL: it names a replica of it'),
  ];
}

function redisRules({ settings, given }: RuleInput): (ConfigFault | false)[] {
  return [
    // The embedded database belongs to one process, so there can be no second node to share anything with.
    isRedis(given) &&
      !isPostgres(given) &&
      needs(
        'DATABASE_URL',
        `is required with ${given.has('REDIS_URL') ? 'REDIS_URL' : 'REDIS_HOST'}: the embedded database is for one node, which needs no Redis`,
      ),
    given.has('REDIS_PORT') && !isRedis(given) && needs('REDIS_HOST', 'is required with REDIS_PORT'),
    settings.REDIS_CA_FILE !== undefined &&
      settings.REDIS_URL?.reveal().tls !== true &&
      settings.BRIDGE_REDIS_URL?.reveal().tls !== true &&
      needs('REDIS_URL', 'must start with rediss:// with REDIS_CA_FILE'),
  ];
}

function regionRules({ settings, given }: RuleInput): (ConfigFault | false)[] {
  if (!given.has('BRIDGE_REDIS_URL')) return [];
  const [own, home] = [settings.REDIS_URL?.reveal(), settings.BRIDGE_REDIS_URL?.reveal()];
  return [
    !isRedis(given) &&
      needs('REDIS_URL', 'is required with BRIDGE_REDIS_URL: each region has a Redis of its own'),
    !given.has('REGION') && needs('REGION', 'is required with BRIDGE_REDIS_URL'),
    own !== undefined &&
      home !== undefined &&
      isDeepStrictEqual([own.addresses, own.db], [home.addresses, home.db]) &&
      needs('BRIDGE_REDIS_URL', 'must not be the same as REDIS_URL: each region has a Redis of its own'),
  ];
}

function isRedis(given: RuleInput['given']): boolean {
  return given.has('REDIS_URL') || given.has('REDIS_HOST');
}

/** A rotation that rotates nothing is a mistake, and one that nobody would notice. */
function secretRules({ settings: { JWT_SECRET, JWT_SECRET_PREVIOUS } }: RuleInput): (ConfigFault | false)[] {
  return [
    JWT_SECRET !== undefined &&
      JWT_SECRET_PREVIOUS !== undefined &&
      JWT_SECRET.reveal() === JWT_SECRET_PREVIOUS.reveal() &&
      needs('JWT_SECRET_PREVIOUS', 'must not be the same as JWT_SECRET: it is the former one'),
  ];
}

function pairRules({ settings, given }: RuleInput): (ConfigFault | false)[] {
  const {
    ACCESS_TOKEN_EXPIRE_MINUTES: access,
    REFRESH_TOKEN_EXPIRE_DAYS: refresh,
    LOG_FILE,
    ERROR_LOG_FILE,
  } = settings;
  return [
    given.has('ADMIN_EMAIL') &&
      !given.has('ADMIN_PASSWORD') &&
      needs('ADMIN_PASSWORD', 'is required with ADMIN_EMAIL'),
    given.has('ADMIN_PASSWORD') &&
      !given.has('ADMIN_EMAIL') &&
      needs('ADMIN_EMAIL', 'is required with ADMIN_PASSWORD'),
    given.has('COMMAND_HOOK_URL') &&
      !given.has('COMMAND_HOOK_SECRET') &&
      needs('COMMAND_HOOK_SECRET', 'is required with COMMAND_HOOK_URL'),
    // Without credentials a browser throws at such a URL: no call could begin.
    settings.TURN_URLS?.some(isTurnUrl) === true &&
      !given.has('TURN_SECRET') &&
      needs('TURN_SECRET', 'is required with a turn: or turns: URL in TURN_URLS'),
    settings.FORCE_HTTPS === 'true' &&
      (!given.has('PUBLIC_URL') || settings.PUBLIC_URL?.startsWith('http:') === true) &&
      needs('PUBLIC_URL', 'must be given and start with https:// with FORCE_HTTPS=true'),
    access !== undefined &&
      refresh !== undefined &&
      access >= refresh * 1440 &&
      needs('REFRESH_TOKEN_EXPIRE_DAYS', 'must be longer than ACCESS_TOKEN_EXPIRE_MINUTES'),
    LOG_FILE !== undefined &&
      LOG_FILE === ERROR_LOG_FILE &&
      needs('ERROR_LOG_FILE', 'must not be the same file as LOG_FILE'),
  ];
}

function accountRules({ settings, given }: RuleInput): (ConfigFault | false)[] {
  const verifies = settings.EMAIL_VERIFICATION === 'required';
  const wants = given.has('SMTP_URL') ? 'SMTP_URL' : 'EMAIL_VERIFICATION=required';
  return [
    verifies && !given.has('SMTP_URL') && needs('SMTP_URL', 'is required with EMAIL_VERIFICATION=required'),
    (verifies || given.has('SMTP_URL')) &&
      !given.has('MAIL_FROM') &&
      needs('MAIL_FROM', `is required with ${wants}`),
    adminPasswordRule(settings),
  ];
}

/** As for everybody else; here, because a server must not run with an administrator whom anybody can guess. */
function adminPasswordRule({
  ADMIN_EMAIL: email,
  ADMIN_PASSWORD: password,
  SERVICE_NAME: serviceName = '',
}: Partial<Settings>): ConfigFault | false {
  if (email === undefined || password === undefined) return false;
  const message = passwordFault(password.reveal(), { email, username: 'Administrator', serviceName });
  return message !== undefined && needs('ADMIN_PASSWORD', message);
}

/** The rules that look at several settings at once. */
export function checkRules(input: RuleInput): ConfigFault[] {
  return [
    ...productionRules(input),
    ...databaseRules(input),
    ...redisRules(input),
    ...regionRules(input),
    ...secretRules(input),
    ...pairRules(input),
    ...accountRules(input),
  ].filter((fault) => fault !== false);
}

export function warnOfRisks({ settings, given }: RuleInput): string[] {
  const warnings: string[] = [];
  if (given.has('DATABASE_URL') && given.has('DB_HOST')) {
    warnings.push('DB_HOST and its kin are not used, because DATABASE_URL is set.');
  }
  if (given.has('REDIS_URL') && given.has('REDIS_HOST')) {
    warnings.push('REDIS_HOST and REDIS_PORT are not used, because REDIS_URL is set.');
  }
  if (given.has('SMTP_URL') && !given.has('PUBLIC_URL')) {
    warnings.push('PUBLIC_URL is not set: links in mails lead to the address that this server listens on.');
  }
  if (given.has('MAIL_FROM') && !given.has('SMTP_URL')) {
    warnings.push('MAIL_FROM is not used without SMTP_URL: no mail is sent.');
  }
  if (given.has('TURN_SECRET') && settings.TURN_URLS?.some(isTurnUrl) === false) {
    warnings.push('TURN_SECRET is not used: TURN_URLS has no turn: or turns: URL.');
  }
  if (settings.TRUST_PROXY === true) {
    warnings.push('TRUST_PROXY=true believes anybody who sends X-Forwarded-For; better name the proxies.');
  }
  if (settings.NODE_ENV === 'production' && !isPostgres(given) && !given.has('PII_KEYS')) {
    warnings.push(
      'PII_KEYS is generated into DATA_DIR: back it up with the data, which cannot be read without it.',
    );
  }
  return warnings;
}
