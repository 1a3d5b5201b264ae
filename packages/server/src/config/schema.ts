import { EmailSchema, PasswordSchema } from '@bongsu/protocol';
import { z } from 'zod';
import { Secret } from './secret.js';
import {
  boolean,
  checkedBy,
  databaseUrl,
  httpUrl,
  iceUrls,
  integer,
  line,
  mailFrom,
  oneOf,
  origins,
  piiKeys,
  redisUrl,
  secretText,
  signingSecret,
  smtpUrl,
  trustProxy,
} from './values.js';

export const GROUPS = [
  'server',
  'storage',
  'tokens',
  'accounts',
  'limits',
  'delivery',
  'sockets',
  'services',
] as const;

/** What docs/config.md and .env.example say of a setting. */
export interface SettingInfo {
  group: (typeof GROUPS)[number];
  description: string;
  example: string;
  /** In words, where there is no fixed default. */
  absent?: string;
  /** Masked everywhere, and also read from the file that NAME_FILE names. */
  secret?: true;
  /** Other names for the same setting. */
  aliases?: readonly string[];
}

export const settingInfo = z.registry<SettingInfo>();

const YEAR_MINUTES = 525_600;

const server = {
  PORT: integer(0, 65_535).default(3000).register(settingInfo, {
    group: 'server',
    description: 'The port of HTTP and Socket.IO. 0 takes any free one.',
    example: '8080',
  }),
  HOST: line(/^[A-Za-z0-9.:_-]+$/, 'must be an address or a host name')
    .default('127.0.0.1')
    .register(settingInfo, {
      group: 'server',
      description: 'The address to listen on. 0.0.0.0 or :: lets other machines in.',
      example: '0.0.0.0',
    }),
  NODE_ENV: oneOf('development', 'production', 'test').default('development').register(settingInfo, {
    group: 'server',
    description: 'In production secrets must be given, and DEBUG and CORS_ALLOW_ALL_ORIGINS are refused.',
    example: 'production',
  }),
  DATA_DIR: line().default('./data').register(settingInfo, {
    group: 'server',
    description:
      'The folder of the embedded database and of generated secrets. One process owns it at a time.',
    example: '/var/lib/bongsu',
  }),
  NODE_NAME: line(/^[A-Za-z0-9._:-]{1,100}$/, 'must be 1 to 100 of A-Z, a-z, 0-9, ., _, : and -')
    .optional()
    .register(settingInfo, {
      group: 'server',
      description: 'The name of this node. No two live nodes of one database share a name.',
      example: 'node-1',
      absent: 'host:port',
    }),
  REGION: line(/^[A-Za-z0-9._-]{1,50}$/, 'must be 1 to 50 of A-Z, a-z, 0-9, ., _ and -')
    .optional()
    .register(settingInfo, {
      group: 'server',
      description:
        'Where this node is, the same on all nodes of a place (docs/regions.md). No two regions share a name.',
      example: 'eu-west',
      absent: 'none; required with BRIDGE_REDIS_URL',
    }),
  PUBLIC_URL: httpUrl().optional().register(settingInfo, {
    group: 'server',
    description:
      'The address under which people reach this server; links are made from it, never from a Host header.',
    example: 'https://bongsu.example.com',
    absent: 'http://HOST:PORT',
  }),
  TRUST_PROXY: trustProxy().default(false).register(settingInfo, {
    group: 'server',
    description:
      'Whose X-Forwarded-* headers to believe: false, true (anybody, so only where nothing else can connect), a number of hops, or addresses by commas.',
    example: '10.0.0.0/8,loopback',
  }),
  FORCE_HTTPS: oneOf('auto', 'true', 'false').default('auto').register(settingInfo, {
    group: 'server',
    description:
      'auto redirects what a trusted proxy marks as http; true redirects every plain request to PUBLIC_URL; false none. Sockets that come in plain are refused instead.',
    example: 'true',
  }),
  CORS_ORIGINS: origins()
    .default([])
    .register(settingInfo, {
      group: 'server',
      description:
        'Origins of other sites that may call this server from a browser: by commas, or as a JSON list.',
      example: 'https://app.example.com,https://admin.example.com',
      aliases: ['CLIENT_URL'],
    }),
  CORS_ALLOW_ALL_ORIGINS: boolean().default(false).register(settingInfo, {
    group: 'server',
    description: 'Lets every site call this server, without cookies. Refused in production.',
    example: 'false',
  }),
  DEBUG: boolean().default(false).register(settingInfo, {
    group: 'server',
    description: 'Logs at level debug, whatever LOG_LEVEL says. Refused in production.',
    example: 'true',
  }),
  LOG_LEVEL: oneOf('silent', 'fatal', 'error', 'warn', 'info', 'debug')
    .default('info')
    .register(settingInfo, {
      group: 'server',
      description: 'The least severe level that is logged.',
      example: 'warn',
    }),
  LOG_FILE: line().optional().register(settingInfo, {
    group: 'server',
    description: 'A file that gets the log as JSON lines, besides stdout.',
    example: '/var/log/bongsu/bongsu.log',
    absent: 'no file',
  }),
  ERROR_LOG_FILE: line().optional().register(settingInfo, {
    group: 'server',
    description: 'A file that gets errors only, as JSON lines, besides the other outputs.',
    example: '/var/log/bongsu/errors.log',
    absent: 'no file',
  }),
  SERVICE_NAME: line(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, ., _ and -')
    .default('bongsu')
    .register(settingInfo, {
      group: 'server',
      description: 'The service name in every log line.',
      example: 'bongsu-seoul',
    }),
};

const storage = {
  DATABASE_URL: databaseUrl().optional().register(settingInfo, {
    group: 'storage',
    description:
      'PostgreSQL 15 or newer. `postgresql+driver://` is read as `postgresql://`. DB_HOST and its kin are another way to say it.',
    example: 'postgresql://bongsu:password@127.0.0.1:5432/bongsu',
    absent: 'an embedded database in DATA_DIR',
    secret: true,
  }),
  DB_HOST: line().optional().register(settingInfo, {
    group: 'storage',
    description: 'Host of PostgreSQL, or the folder of its socket. Read when DATABASE_URL is absent.',
    example: '127.0.0.1',
    absent: 'not used',
  }),
  DB_PORT: integer(1, 65_535).default(5432).register(settingInfo, {
    group: 'storage',
    description: 'Port of PostgreSQL, with DB_HOST.',
    example: '5432',
  }),
  DB_NAME: line().default('bongsu').register(settingInfo, {
    group: 'storage',
    description: 'Name of the database, with DB_HOST.',
    example: 'bongsu',
  }),
  DB_USER: line().default('bongsu').register(settingInfo, {
    group: 'storage',
    description: 'User of the database, with DB_HOST.',
    example: 'bongsu',
  }),
  DB_PASSWORD: secretText(1).optional().register(settingInfo, {
    group: 'storage',
    description: 'Password of the database, with DB_HOST.',
    example: 'a-long-password',
    absent: 'none',
    secret: true,
  }),
  DATABASE_READ_URL: databaseUrl().optional().register(settingInfo, {
    group: 'storage',
    description:
      'A streaming replica of DATABASE_URL that is near: pages of lists, searches and histories are read there while it is less than 5 s behind, all else at DATABASE_URL.',
    example: 'postgresql://bongsu:password@127.0.0.1:5433/bongsu',
    absent: 'all is read at DATABASE_URL',
    secret: true,
  }),
  DB_POOL_MAX: integer(1, 1000).default(20).register(settingInfo, {
    group: 'storage',
    description: 'Most connections to PostgreSQL at once.',
    example: '40',
  }),
  DB_POOL_IDLE_SECONDS: integer(1, 86_400).default(30).register(settingInfo, {
    group: 'storage',
    description: 'After how long an idle connection is closed.',
    example: '60',
  }),
  DB_POOL_CONNECT_SECONDS: integer(1, 300).default(2).register(settingInfo, {
    group: 'storage',
    description: 'How long a query waits for a connection before it fails.',
    example: '5',
  }),
  REDIS_URL: redisUrl().optional().register(settingInfo, {
    group: 'storage',
    description:
      'Redis 6.2 or newer, for several nodes on one PostgreSQL. redis+sentinel://host,host/name/db finds the primary by sentinels, redis+cluster://host,host is a cluster; rediss:// in place of redis:// goes by TLS. REDIS_HOST is another way to say it.',
    example: 'redis://bongsu:password@127.0.0.1:6379',
    absent: 'one node may run, and keeps perishable state in its process',
    secret: true,
  }),
  BRIDGE_REDIS_URL: redisUrl().optional().register(settingInfo, {
    group: 'storage',
    description:
      'On nodes of a further region only: the Redis of the nodes that are near DATABASE_URL. REDIS_URL is the own one of the region then, and one of its nodes carries hints and pushes between the two.',
    example: 'rediss://bongsu:password@redis.home.example.com:6379',
    absent: 'this node is of the home region',
    secret: true,
  }),
  REDIS_HOST: line(/^[A-Za-z0-9._:-]+$/, 'must be an address or a host name')
    .optional()
    .register(settingInfo, {
      group: 'storage',
      description: 'Host of Redis. Read when REDIS_URL is absent.',
      example: '127.0.0.1',
      absent: 'not used',
    }),
  REDIS_PORT: integer(1, 65_535).default(6379).register(settingInfo, {
    group: 'storage',
    description: 'Port of Redis, with REDIS_HOST.',
    example: '6379',
  }),
  REDIS_PREFIX: line(/^[A-Za-z0-9._:-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, ., _, : and -')
    .default('bongsu')
    .register(settingInfo, {
      group: 'storage',
      description:
        'Begins every key and channel in Redis. The same on all nodes, and another one for each Bongsu that shares a Redis.',
      example: 'bongsu-staging',
    }),
  REDIS_CA_FILE: line().optional().register(settingInfo, {
    group: 'storage',
    description: 'A file of certificates (PEM) that sign the one of Redis, for rediss://.',
    example: '/etc/bongsu/redis-ca.pem',
    absent: 'those that Node.js trusts',
  }),
};

const tokens = {
  JWT_SECRET: signingSecret().optional().register(settingInfo, {
    group: 'tokens',
    description:
      'Protects the signing keys of tokens: 64 or more characters made by chance, the same on every node.',
    example: 'the output of: openssl rand -base64 64 | tr -d "\\n"',
    absent: 'generated into DATA_DIR; required in production',
    secret: true,
  }),
  JWT_SECRET_PREVIOUS: signingSecret().optional().register(settingInfo, {
    group: 'tokens',
    description:
      'The former JWT_SECRET, while a new one takes its place: what it made still counts. Keep it for REFRESH_TOKEN_EXPIRE_DAYS, and until every screen has been on.',
    example: 'the former JWT_SECRET, that is the output of: openssl rand -base64 64 | tr -d "\\n"',
    absent: 'none',
    secret: true,
  }),
  JWT_ALG: oneOf('EdDSA', 'ES256', 'HS256').default('EdDSA').register(settingInfo, {
    group: 'tokens',
    description: 'How access tokens are signed. HS256 has no public keys for others to verify with.',
    example: 'ES256',
  }),
  ACCESS_TOKEN_EXPIRE_MINUTES: integer(1, 1440).default(15).register(settingInfo, {
    group: 'tokens',
    description:
      'Life of an access token. Without rememberMe it is SESSION_TIMEOUT_MINUTES where that is shorter.',
    example: '5',
  }),
  REFRESH_TOKEN_EXPIRE_DAYS: integer(1, 3650).default(30).register(settingInfo, {
    group: 'tokens',
    description: 'Life of a refresh token, and so of a login with rememberMe.',
    example: '7',
  }),
  SESSION_TIMEOUT_MINUTES: integer(1, YEAR_MINUTES).default(30).register(settingInfo, {
    group: 'tokens',
    description: 'After how long without a request a login without rememberMe ends.',
    example: '60',
  }),
  MAX_CONCURRENT_SESSIONS: integer(1, 1000).default(5).register(settingInfo, {
    group: 'tokens',
    description:
      'How many logins a person may have at once: one more ends the least recently seen. Screens are not counted.',
    example: '10',
  }),
  PII_KEYS: piiKeys().optional().register(settingInfo, {
    group: 'tokens',
    description:
      'Keys that encrypt personal data, `kid:base64` of 32 bytes, several by commas: the first encrypts, all decrypt. Without them that data cannot be read again.',
    example: 'k1:<the output of: openssl rand -base64 32>',
    absent: 'generated into DATA_DIR; required in production with PostgreSQL',
    secret: true,
  }),
};

const accounts = {
  SIGNUP: oneOf('open', 'closed').default('open').register(settingInfo, {
    group: 'accounts',
    description: 'Whether strangers may make an account.',
    example: 'closed',
  }),
  EMAIL_VERIFICATION: oneOf('off', 'required').default('off').register(settingInfo, {
    group: 'accounts',
    description:
      'Whether a sign-up counts only once the link in a mail to its address was opened. required needs SMTP_URL and MAIL_FROM.',
    example: 'required',
  }),
  SMTP_URL: smtpUrl().optional().register(settingInfo, {
    group: 'accounts',
    description:
      'The server that mails are handed to, with MAIL_FROM: smtps://, or smtp:// with STARTTLS, which must be offered except by this machine; `?tls=off` sends in clear.',
    example: 'smtps://user:password@mail.example.com:465',
    absent: 'no mail is sent, and a forgotten password cannot be reset',
    secret: true,
  }),
  MAIL_FROM: mailFrom().optional().register(settingInfo, {
    group: 'accounts',
    description: 'Who mails are from.',
    example: 'Bongsu <noreply@example.com>',
    absent: 'required with SMTP_URL',
  }),
  MFA_REQUIRED_FOR: oneOf('nobody', 'admins', 'everybody').default('nobody').register(settingInfo, {
    group: 'accounts',
    description:
      'Who must have a second factor: without it their logins may do nothing but set one up, and their API keys next to nothing. Screens are not asked.',
    example: 'admins',
  }),
  TOTP_PREVIOUS_STEPS: integer(0, 1).default(1).register(settingInfo, {
    group: 'accounts',
    description:
      'How many steps of 30 s before the present one a code of an authenticator app may be of. 0 accepts the present 30 s only, as ASVS 6.5.5 asks; needs devices whose clocks are right.',
    example: '0',
  }),
  ADMIN_EMAIL: checkedBy(EmailSchema, 'must be an e-mail address').optional().register(settingInfo, {
    group: 'accounts',
    description: 'Makes the first administrator, once, with ADMIN_PASSWORD.',
    example: 'admin@example.com',
    absent: 'a one-time set-up link is printed',
  }),
  ADMIN_PASSWORD: checkedBy(PasswordSchema, 'must have 8 to 128 characters')
    .transform((password) => new Secret(password))
    .optional()
    .register(settingInfo, {
      group: 'accounts',
      description: 'Password of the first administrator, with ADMIN_EMAIL.',
      example: 'a-long-password',
      absent: 'none',
      secret: true,
    }),
};

const limits = {
  RATE_LIMIT_ENABLED: boolean().default(true).register(settingInfo, {
    group: 'limits',
    description: 'Whether the limits of this group hold.',
    example: 'false',
  }),
  RATE_LIMIT_PER_MINUTE: integer(1, 1_000_000).default(100).register(settingInfo, {
    group: 'limits',
    description: 'HTTP requests: signed-in ones per user, others per address, refreshes per login.',
    example: '300',
  }),
  COMMAND_RATE_PER_MINUTE: integer(1, 10_000_000).default(6000).register(settingInfo, {
    group: 'limits',
    description:
      "Commands per user, by socket and HTTP; a burst is one second's worth or 20, whichever is more.",
    example: '60000',
  }),
  HANDSHAKE_FAILURES_PER_MINUTE: integer(1, 1_000_000).default(10).register(settingInfo, {
    group: 'limits',
    description: 'Refused socket handshakes per address; past it valid tokens still pass.',
    example: '30',
  }),
  MAX_CONNECTIONS_PER_USER: integer(1, 1_000_000).default(1000).register(settingInfo, {
    group: 'limits',
    description: 'Sockets of one user at once.',
    example: '50',
  }),
  ROOMS_PER_MINUTE: integer(1, 1_000_000).default(5).register(settingInfo, {
    group: 'limits',
    description: 'Rooms that one user may make; refused attempts count too.',
    example: '30',
  }),
  JOINS_PER_MINUTE: integer(1, 1_000_000).default(60).register(settingInfo, {
    group: 'limits',
    description: 'Joins of rooms per user; whoever takes a seat of their own again is not counted.',
    example: '120',
  }),
  SIGNALS_PER_SECOND: integer(1, 100_000).default(200).register(settingInfo, {
    group: 'limits',
    description: 'Offers, answers and candidates of one socket; twice as many may come at once.',
    example: '500',
  }),
};

const delivery = {
  COMMAND_ACK_TIMEOUT_MS: integer(100, 600_000).default(5000).register(settingInfo, {
    group: 'delivery',
    description:
      'How long a connected screen may keep silent about an entry, for each of its sends; a screen may announce its own time.',
    example: '15000',
  }),
  COMMAND_MAX_RETRIES: integer(0, 10).default(3).register(settingInfo, {
    group: 'delivery',
    description: 'Further sends after a receipt that says failed, before the command becomes a dead letter.',
    example: '5',
  }),
  DEAD_LETTER_DAYS: integer(1, 3650).default(30).register(settingInfo, {
    group: 'delivery',
    description: 'How long dead letters are kept.',
    example: '90',
  }),
  ROOM_HISTORY_DAYS: integer(1, 3650).default(30).register(settingInfo, {
    group: 'delivery',
    description:
      'How long messages and commands of an open room can be read, and a closed room (not what was said in it) and who left one are known.',
    example: '7',
  }),
  ROOM_HISTORY_MAX: integer(1, 10_000_000).default(10_000).register(settingInfo, {
    group: 'delivery',
    description: 'How many entries of an open room can be read.',
    example: '1000',
  }),
  COMMAND_HOOK_URL: httpUrl().optional().register(settingInfo, {
    group: 'delivery',
    description: 'Asked before each command is accepted, and told when one was executed or given up.',
    example: 'https://shop.example.org/bongsu-hook',
    absent: 'nobody is asked',
  }),
  COMMAND_HOOK_SECRET: secretText(16).optional().register(settingInfo, {
    group: 'delivery',
    description: 'Signs what is sent to COMMAND_HOOK_URL.',
    example: 'the output of: openssl rand -hex 32',
    absent: 'required with COMMAND_HOOK_URL',
    secret: true,
  }),
  COMMAND_RETENTION_HOURS: integer(1, 8760).default(24).register(settingInfo, {
    group: 'delivery',
    description: 'How long a command waits for its screen, and how long its id is remembered.',
    example: '72',
  }),
  MAX_PENDING_PER_SCREEN: integer(1, 1_000_000).default(10_000).register(settingInfo, {
    group: 'delivery',
    description: 'Waiting commands of one screen; a further one is refused as BUSY.',
    example: '1000',
  }),
  BATCH_SIZE: integer(1, 256).default(50).register(settingInfo, {
    group: 'delivery',
    description: 'Commands that are committed together; grows to 256 while commands queue.',
    example: '100',
  }),
  BATCH_MAX_WAIT_MS: integer(0, 60_000).default(1000).register(settingInfo, {
    group: 'delivery',
    description: 'Upper bound of the wait for a fuller batch; an idle server never waits.',
    example: '250',
  }),
};

const sockets = {
  HEARTBEAT_INTERVAL_MS: integer(1000, 600_000).default(25_000).register(settingInfo, {
    group: 'sockets',
    description: 'How often a socket is asked whether it lives.',
    example: '10000',
  }),
  HEARTBEAT_TIMEOUT_MS: integer(500, 600_000).default(5000).register(settingInfo, {
    group: 'sockets',
    description: 'How long its answer may take before it is dropped.',
    example: '10000',
  }),
  ROOM_EMPTY_GRACE_SECONDS: integer(1, 86_400).default(60).register(settingInfo, {
    group: 'sockets',
    description:
      'How long a room that is not persistent stays open without anybody in it, after the last one left or it was made.',
    example: '300',
  }),
  ROOM_IDLE_HOURS: integer(1, 8760).default(24).register(settingInfo, {
    group: 'sockets',
    description:
      'How long a room that is not persistent stays open in which nobody joins, leaves, posts, signals or asks for its ICE servers.',
    example: '12',
  }),
  DRAIN_SECONDS: integer(0, 3600).default(30).register(settingInfo, {
    group: 'sockets',
    description: 'How long a stop may take: work in hand is settled and clients are told to move.',
    example: '10',
  }),
};

const services = {
  TURN_URLS: iceUrls().default([]).register(settingInfo, {
    group: 'services',
    description:
      'STUN and TURN servers that calls are told of: stun:, stuns:, turn: and turns: URLs by commas, or as a JSON list.',
    example:
      'stun:turn.example.com:3478,turn:turn.example.com:3478,turns:turn.example.com:5349?transport=tcp',
  }),
  TURN_SECRET: secretText(32).optional().register(settingInfo, {
    group: 'services',
    description:
      'The static-auth-secret of the TURN servers, which makes credentials that end by themselves: 32 or more characters made by chance.',
    example: 'the output of: openssl rand -hex 32',
    absent: 'required with a turn: or turns: URL',
    secret: true,
  }),
  METRICS_TOKEN: secretText(16).optional().register(settingInfo, {
    group: 'services',
    description: 'Bearer token that GET /metrics asks for.',
    example: 'the output of: openssl rand -hex 32',
    absent: 'only loopback and private addresses may read /metrics',
    secret: true,
  }),
};

/** Every setting. Read by `loadConfig`, and the source of docs/config.md and .env.example. */
export const SettingsSchema = z.object({
  ...server,
  ...storage,
  ...tokens,
  ...accounts,
  ...limits,
  ...delivery,
  ...sockets,
  ...services,
});

export type SettingName = keyof typeof SettingsSchema.shape;
/** As validated: secrets that were not given are still absent. */
export type Settings = z.output<typeof SettingsSchema>;

export const SETTING_NAMES = Object.keys(SettingsSchema.shape) as SettingName[];

/** @throws Error for a setting without a description: a fault of this file. */
export function infoOf(name: SettingName): SettingInfo {
  const info = settingInfo.get(SettingsSchema.shape[name] as z.ZodType);
  if (!info) throw new Error(`The setting ${name} has no description`);
  return info;
}
