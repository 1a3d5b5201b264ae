import { availableParallelism } from 'node:os';
import type { Clock } from '../platform/clock.js';
import { People } from './accounts/people.js';
import { KeyHolders } from './api-keys/holders.js';
import type { Core } from './core.js';
import { deriveRing } from './derive.js';
import { createIdentityMetrics } from './identity-metrics.js';
import type { IdentityDeps } from './index.js';
import { KeyedHashes } from './keyed-hashes.js';
import { KnownDevices } from './logins/known-devices.js';
import { LiveSessions } from './logins/live-sessions.js';
import { Lockout } from './logins/lockout.js';
import { loginTransaction } from './logins/login-transaction.js';
import { RevocationFeed } from './logins/revocation-feed.js';
import { Sessions } from './logins/sessions.js';
import { Errands } from './mail/errands.js';
import { Mailer } from './mail/mailer.js';
import { Notices } from './mail/notices.js';
import { SecondFactors } from './mfa/second-factors.js';
import { ForeignHashes } from './passwords/foreign-hashes.js';
import { ARGON2_COST, type Argon2Cost, Passwords } from './passwords/passwords.js';
import { KeyRotation, type KeyRotationDeps } from './tokens/key-rotation.js';
import { SigningKeys } from './tokens/signing-keys.js';
import { TokenManager } from './tokens/token-manager.js';
import { VerifiedTokens } from './tokens/verified-tokens.js';

/** How long a person's former refresh token still answers with its successor: for racing tabs and lost answers. */
const REFRESH_GRACE_MS = 10_000;
/** One core is left to everything else, and one thread of libuv's four to files and names. */
const MAX_HASHING = 3;
/** All log-ins that may be under way, of known devices and of others, and room for who signs up or changes a password. */
const MAX_QUEUED_HASHES = 228;

export interface Composed {
  core: Core;
  keys: SigningKeys;
  rotation: KeyRotation;
  open(): Promise<void>;
}

export function compose(deps: IdentityDeps): Composed {
  const { config, database, databaseClock: now, clock, log, recordAudit, ephemeral } = deps;
  const ring = deriveRing(config.jwtSecret, config.jwtSecretPrevious);
  const { issuer, accessTokenMs, jwtAlgorithm: algorithm } = config;
  const graceMs = REFRESH_GRACE_MS;
  const feedIsFresh = () => feed.isFresh();
  const onChange = () => verified.clear();
  const keys = new SigningKeys({ algorithm, ring, database, clock, feedIsFresh, onChange });
  const countsKey = (kid: string) => keys.counts(kid);
  const verified = new VerifiedTokens({ clock, now, metrics: deps.metrics, feedIsFresh, countsKey });
  const announce: KeyRotationDeps['announce'] = (revocations) => feed.committed(revocations);
  const rotation = new KeyRotation({ algorithm, ring, accessTokenMs, database, now, recordAudit, announce });
  const live = new LiveSessions({ database, clock, now, log, metrics: deps.metrics, graceMs, feedIsFresh });
  const keyHolders = new KeyHolders({
    ...{ config, database, clock, now, log, feedIsFresh },
    metrics: deps.metrics,
    hashes: () => core.hashes(),
  });
  const feed = new RevocationFeed({ database, bus: ephemeral.bus, clock, log, live, keyHolders, keys });
  const tellReuse = (userId: string) => core.notices.send('token-reuse', userId);
  const sessions = new Sessions({ config, database, ring, now, live, feed, recordAudit, graceMs, tellReuse });
  const rotate: Sessions['rotate'] = (presented, origin) => sessions.rotate(presented, origin);
  const tokens = new TokenManager({ issuer, accessTokenMs, keys, verified, ring, now, rotate });
  const passwords = createPasswords(clock, config.passwordCost);
  const metrics = createIdentityMetrics(deps.metrics, () => passwords.queued);
  const lockout = new Lockout({
    ...deps,
    now,
    metrics,
    hashes: () => core.hashes(),
    paceMs: () => passwords.paceMs,
  });
  let people: People | undefined;
  let hashes: KeyedHashes | undefined;
  const secrets: Pick<Core, 'people' | 'hashes'> = {
    people() {
      if (!people) throw new Error('identity has not started');
      return people;
    },
    hashes() {
      if (!hashes) throw new Error('identity has not started');
      return hashes;
    },
  };
  const mfa = new SecondFactors({
    config,
    database,
    transaction: (work) => loginTransaction(core, work),
    now,
    metrics,
    ...secrets,
  });
  const [{ deviceMac }, ...previous] = ring;
  const deviceKeys = [deviceMac, ...previous.map((keys) => keys.deviceMac)] as const;
  const mail = composeMail(deps, secrets.people);
  const core: Core = {
    ...mail,
    config,
    database,
    reads: deps.reads,
    now,
    log,
    metrics,
    recordAudit,
    limiter: deps.limiter,
    takeBackScreens: deps.takeBackScreens,
    passwords,
    foreignHashes: new ForeignHashes(database, clock),
    lockout,
    devices: new KnownDevices({
      keys: deviceKeys,
      now,
      indexOf: (email) => core.people().indexOf(email),
    }),
    tokens,
    csrfKeys: ring.map(({ csrf }) => csrf),
    live,
    keyHolders,
    feed,
    mfa,
    ...secrets,
  };
  const open = async () => {
    people = await People.open(database, config.piiKeys, now());
    hashes = await KeyedHashes.open(database, config.piiKeys, now());
  };
  return { core, keys, rotation, open };
}

function composeMail(deps: IdentityDeps, people: Core['people']) {
  const { config, database, log, publicUrl } = deps;
  const mailer = config.mail && new Mailer(config.mail, deps);
  const errands = new Errands(log);
  let told = false;
  return {
    mailer,
    errands,
    publicUrl,
    notices: new Notices({ config, database, mailer, errands, publicUrl, people }),
    tellNoMail() {
      if (!told)
        log.warn({}, 'A password reset was asked for, but no mail can be sent: set SMTP_URL and MAIL_FROM');
      told = true;
    },
  };
}

export function createPasswords(clock: Clock, cost: Argon2Cost = ARGON2_COST): Passwords {
  const concurrency = Math.min(MAX_HASHING, Math.max(1, availableParallelism() - 1));
  return new Passwords({ cost, concurrency, maxQueued: MAX_QUEUED_HASHES }, clock);
}
