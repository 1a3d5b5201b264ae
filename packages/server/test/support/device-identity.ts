import { randomBytes } from 'node:crypto';
import { createIdentity, type Identity, type IdentityConfig } from '../../src/identity/index.js';
import { ALGORITHM } from './algorithm.js';

type Deps = Omit<Parameters<typeof createIdentity>[0], 'config' | 'publicUrl' | 'takeBackScreens'>;

const MINUTE_MS = 60_000;

/** The real identity, for suites that need device logins but no people. */
export function createTestIdentity(deps: Deps): Identity {
  const config: IdentityConfig = {
    issuer: 'https://bongsu.test',
    jwtSecret: randomBytes(48).toString('base64'),
    jwtAlgorithm: ALGORITHM,
    piiKeys: [{ kid: 'k1', key: new Uint8Array(randomBytes(32)) }],
    accessTokenMs: 15 * MINUTE_MS,
    refreshTokenMs: 30 * 24 * 60 * MINUTE_MS,
    sessionIdleMs: 30 * MINUTE_MS,
    maxLogins: 5,
    mfaRequiredFor: 'nobody',
    totpPreviousSteps: 1,
    signup: 'open',
    totpIssuer: 'bongsu.test',
    emailVerification: 'off',
    mail: undefined,
    serviceName: 'bongsu-test',
    firstAdmin: undefined,
    allowedOrigins: [],
    production: false,
  };
  return createIdentity({
    ...deps,
    config,
    publicUrl: () => 'https://bongsu.test',
    takeBackScreens: async () => {},
  });
}
