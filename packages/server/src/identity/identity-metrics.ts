import type { Metrics } from '../platform/metrics.js';
import type { LockoutScope } from './logins/lockout-rules.js';

/** What identity counts. Labels are outcomes only. */
export interface IdentityMetrics {
  /** `challenge`: the password was right, and a second factor is due. */
  login(outcome: 'success' | 'challenge' | 'failure' | 'busy' | 'locked'): void;
  lockout(scope: LockoutScope): void;
  refresh(outcome: 'success' | 'failure'): void;
  secondFactor(outcome: 'totp' | 'recovery' | 'wrong' | 'locked'): void;
}

export function createIdentityMetrics(metrics: Metrics, queued: () => number): IdentityMetrics {
  const logins = metrics.counter('bongsu_logins_total', 'Log-ins by outcome.', ['outcome']);
  const refreshes = metrics.counter('bongsu_token_refreshes_total', 'Refreshes by outcome.', ['outcome']);
  const secondFactors = metrics.counter(
    'bongsu_second_factors_total',
    'Codes of a second factor by outcome.',
    ['outcome'],
  );
  const lockouts = metrics.counter(
    'bongsu_lockouts_total',
    'Doors that failed log-ins closed, by what was counted.',
    ['scope'],
  );
  metrics.gauge('bongsu_password_queue', 'Password hashes that wait for their turn.', [], (gauge) =>
    gauge.set(queued()),
  );
  return {
    login: (outcome) => logins.inc({ outcome }),
    lockout: (scope) => lockouts.inc({ scope: scope.replace('login-', '') }),
    refresh: (outcome) => refreshes.inc({ outcome }),
    secondFactor: (outcome) => secondFactors.inc({ outcome }),
  };
}
