import { hostname } from 'node:os';
import type { CommandsConfig } from './commands/index.js';
import type { Config } from './config.js';
import type { HttpConfig } from './gateway/http.js';
import type { SocketsConfig } from './gateway/sockets.js';
import type { RateLimiterConfig } from './guards/rate-limiter.js';
import type { IdentityConfig } from './identity/index.js';
import type { PostgresConfig } from './platform/database/postgres.js';
import type { RoomsConfig } from './rooms/index.js';

// Settings as people write them → the slice of each part, in its own names and units.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** host:port; where any free port is taken, the process tells two nodes of one machine apart. */
export function nodeName({ NODE_NAME, HOST, PORT }: Pick<Config, 'NODE_NAME' | 'HOST' | 'PORT'>): string {
  return NODE_NAME ?? (PORT === 0 ? `${hostname()}:pid-${process.pid}` : `${HOST}:${PORT}`);
}

export function postgresConfig(config: Config, url: string, node: string): PostgresConfig {
  return {
    url,
    poolMax: config.DB_POOL_MAX,
    poolIdleMs: config.DB_POOL_IDLE_SECONDS * SECOND_MS,
    poolConnectMs: config.DB_POOL_CONNECT_SECONDS * SECOND_MS,
    applicationName: `${config.SERVICE_NAME} ${node}`.slice(0, 63),
  };
}

/** Every origin, or the listed ones. */
export function corsOrigins(config: Config): readonly string[] | true {
  return config.CORS_ALLOW_ALL_ORIGINS ? true : config.CORS_ORIGINS;
}

/** Pages of these origins are ours: they may use cookies and open sockets, whatever host a proxy asks for. */
function ownOrigins({ CORS_ORIGINS, PUBLIC_URL }: Config): string[] {
  return [...CORS_ORIGINS, ...(PUBLIC_URL === undefined ? [] : [new URL(PUBLIC_URL).origin])];
}

/** Of whom a websocket is taken, besides pages of the host that was asked for. */
export function socketOrigins(config: Config): readonly string[] | true {
  return config.CORS_ALLOW_ALL_ORIGINS ? true : ownOrigins(config);
}

export function identityConfig(config: Config): IdentityConfig {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password, SMTP_URL: smtp, MAIL_FROM: from } = config;
  return {
    issuer: config.PUBLIC_URL ?? 'bongsu',
    jwtSecret: config.JWT_SECRET.reveal(),
    jwtSecretPrevious: config.JWT_SECRET_PREVIOUS?.reveal(),
    jwtAlgorithm: config.JWT_ALG,
    piiKeys: config.PII_KEYS.reveal(),
    accessTokenMs: config.ACCESS_TOKEN_EXPIRE_MINUTES * MINUTE_MS,
    refreshTokenMs: config.REFRESH_TOKEN_EXPIRE_DAYS * DAY_MS,
    sessionIdleMs: config.SESSION_TIMEOUT_MINUTES * MINUTE_MS,
    maxLogins: config.MAX_CONCURRENT_SESSIONS,
    mfaRequiredFor: config.MFA_REQUIRED_FOR,
    totpPreviousSteps: config.TOTP_PREVIOUS_STEPS,
    signup: config.SIGNUP,
    totpIssuer: config.PUBLIC_URL === undefined ? config.SERVICE_NAME : new URL(config.PUBLIC_URL).hostname,
    emailVerification: config.EMAIL_VERIFICATION,
    mail:
      smtp && from ? { server: smtp.reveal(), from: { name: from.name, address: from.address } } : undefined,
    serviceName: config.SERVICE_NAME,
    firstAdmin:
      email !== undefined && password !== undefined ? { email, password: password.reveal() } : undefined,
    allowedOrigins: ownOrigins(config),
    production: config.NODE_ENV === 'production',
  };
}

export function limiterConfig(config: Config): RateLimiterConfig {
  return {
    enabled: config.RATE_LIMIT_ENABLED,
    requestsPerMinute: config.RATE_LIMIT_PER_MINUTE,
    commandsPerMinute: config.COMMAND_RATE_PER_MINUTE,
    handshakeFailuresPerMinute: config.HANDSHAKE_FAILURES_PER_MINUTE,
  };
}

export function commandsConfig(config: Config): CommandsConfig {
  const { COMMAND_HOOK_URL: hookUrl, COMMAND_HOOK_SECRET: hookSecret } = config;
  return {
    retentionMs: config.COMMAND_RETENTION_HOURS * HOUR_MS,
    deadLetterMs: config.DEAD_LETTER_DAYS * DAY_MS,
    roomHistoryMs: config.ROOM_HISTORY_DAYS * DAY_MS,
    roomHistoryMax: config.ROOM_HISTORY_MAX,
    ackTimeoutMs: config.COMMAND_ACK_TIMEOUT_MS,
    maxRetries: config.COMMAND_MAX_RETRIES,
    hook: hookUrl && hookSecret ? { url: hookUrl, secret: hookSecret.reveal() } : undefined,
    maxPendingPerScreen: config.MAX_PENDING_PER_SCREEN,
    batchSize: config.BATCH_SIZE,
    batchMaxWaitMs: config.BATCH_MAX_WAIT_MS,
  };
}

/** Who lost the connection has this long to come back: a reload or a change of networks, not a coffee. */
const SEAT_GRACE_MS = 15 * SECOND_MS;

export function roomsConfig(config: Config): RoomsConfig {
  const { TURN_URLS: urls, TURN_SECRET: secret } = config;
  return {
    graceMs: SEAT_GRACE_MS,
    emptyGraceMs: config.ROOM_EMPTY_GRACE_SECONDS * SECOND_MS,
    idleMs: config.ROOM_IDLE_HOURS * HOUR_MS,
    createsPerMinute: config.ROOMS_PER_MINUTE,
    joinsPerMinute: config.JOINS_PER_MINUTE,
    signalsPerSecond: config.SIGNALS_PER_SECOND,
    turn: urls.length === 0 ? undefined : { urls, secret: secret?.reveal() },
  };
}

export function httpConfig(config: Config, version: string, consoleFolder: string | undefined): HttpConfig {
  return {
    corsOrigins: corsOrigins(config),
    forceHttps: config.FORCE_HTTPS,
    publicUrl: config.PUBLIC_URL,
    version,
    consoleFolder,
  };
}

export function socketsConfig(config: Config): SocketsConfig {
  return {
    heartbeatIntervalMs: config.HEARTBEAT_INTERVAL_MS,
    heartbeatTimeoutMs: config.HEARTBEAT_TIMEOUT_MS,
    corsOrigins: corsOrigins(config),
  };
}
