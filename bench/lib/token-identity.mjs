import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityConfig } from '../../packages/server/dist/app-config.js';
import { createRecordAudit } from '../../packages/server/dist/audit/record.js';
import { loadConfig, withGeneratedSecrets } from '../../packages/server/dist/config.js';
import { RateLimiter } from '../../packages/server/dist/guards/rate-limiter.js';
import { createIdentity } from '../../packages/server/dist/identity/index.js';
import { openDatabase } from '../../packages/server/dist/open-database.js';
import { systemClock } from '../../packages/server/dist/platform/clock.js';
import { databaseClock } from '../../packages/server/dist/platform/database/clock-offset.js';
import { migrate } from '../../packages/server/dist/platform/database/migrate.js';
import { readMigrations } from '../../packages/server/dist/platform/database/migration-files.js';
import { MemoryEphemeral } from '../../packages/server/dist/platform/ephemeral/memory.js';
import { silentLog as log } from '../../packages/server/dist/platform/log.js';
import { Metrics } from '../../packages/server/dist/platform/metrics.js';

const SCREEN = 'scr_bench';

/** The identity domain as the server builds it, on an embedded database of its own, with one live login. */
export async function openIdentity() {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-'));
  const loaded = loadConfig({ DATA_DIR: folder, JWT_SECRET: randomBytes(64).toString('base64url') });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  const config = await withGeneratedSecrets(loaded.settings);
  const clock = systemClock;
  const onFatal = (error) => {
    throw error;
  };
  const { database } = await openDatabase(config, 'bench', { clock, log, onFatal });
  await migrate(database, await readMigrations(), { clock, log });
  const now = databaseClock(database, clock);
  const metrics = new Metrics();
  const ephemeral = new MemoryEphemeral(clock, log);
  const limits = {
    enabled: false,
    requestsPerMinute: 1,
    commandsPerMinute: 1,
    handshakeFailuresPerMinute: 1,
  };
  const identity = createIdentity({
    config: identityConfig(config),
    database,
    ephemeral,
    databaseClock: now,
    clock,
    log,
    metrics,
    recordAudit: createRecordAudit({ now, service: 'bench' }),
    limiter: new RateLimiter({ ephemeral, clock, log, metrics }, limits),
  });
  await identity.start();
  const credential = await database.transaction((tx) => identity.issueDeviceCredential(tx, SCREEN));
  const { sessionId } = await identity.authenticate(credential.accessToken);
  const login = {
    kind: 'device',
    sessionId,
    screenId: SCREEN,
    acr: 'aal1',
    amr: 'swk',
    authTime: now(),
    expiresAt: null,
  };
  return {
    verify: (token) => identity.tokens.verifyAccessToken(token),
    authenticate: (token) => identity.authenticate(token),
    makeTokens: (count) =>
      Promise.all(Array.from({ length: count }, () => identity.tokens.generateAccessToken(login))),
    async close() {
      await identity.stop();
      await ephemeral.close();
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
