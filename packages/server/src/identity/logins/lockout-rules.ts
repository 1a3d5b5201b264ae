/** What is counted: failures of an address from one lane, of an address from all lanes that are not known, of an IP address. */
export type LockoutScope = 'login-pair' | 'login-address' | 'login-ip';

export interface Counter {
  failures: number;
  /** Milliseconds: from when the window is measured. */
  windowStart: number;
  lockedUntil: number | null;
  /** Attempts whose password is being looked at. */
  reserved: number;
  /**
   * When attempts that nobody settled count no longer: their process is dead. Of the first since none was under way; those that came
   * after it lapse with it, so for a moment more may be under way than should, but each of them counts when it has failed.
   */
  reservedUntil: number;
}

/** `locked`: too many failures, until then. `full`: what is under way may still become too many failures. */
export type Judgement = { kind: 'free' } | { kind: 'locked'; until: number } | { kind: 'full' };

export const MINUTE_MS = 60_000;
/** Longer than an attempt can wait and hash; a process that was killed holds its places no longer. */
const RESERVATION_MS = 30_000;

interface Rule {
  /** So many failures in a window, and one more waits for the lock to end. */
  limit: number;
  windowMs: number;
  /** How long the failure that reaches the limit, or comes after it, locks. */
  lock(counter: Counter, now: number): { lockedUntil: number; windowStart: number };
}

const untilWindowEnds: (windowMs: number) => Rule['lock'] =
  (windowMs) =>
  ({ windowStart }) => ({ lockedUntil: windowStart + windowMs, windowStart });

const PAIR_LIMIT = 5;
const LONGEST_LOCK_MS = 15 * MINUTE_MS;

const RULES: Record<LockoutScope, Rule> = {
  'login-pair': {
    limit: PAIR_LIMIT,
    windowMs: 15 * MINUTE_MS,
    // One minute, doubling with each further failure; forgotten only when a whole window has passed after the lock.
    lock: ({ failures }, now) => {
      const lockedUntil = now + Math.min(LONGEST_LOCK_MS, MINUTE_MS * 2 ** (failures - PAIR_LIMIT));
      return { lockedUntil, windowStart: lockedUntil };
    },
  },
  'login-address': { limit: 20, windowMs: 60 * MINUTE_MS, lock: untilWindowEnds(60 * MINUTE_MS) },
  'login-ip': { limit: 50, windowMs: 15 * MINUTE_MS, lock: untilWindowEnds(15 * MINUTE_MS) },
};

/** May one more attempt be looked at? */
export function judge(scope: LockoutScope, counter: Counter, now: number): Judgement {
  const { failures, lockedUntil, reserved } = current(scope, counter, now);
  if (lockedUntil !== null && lockedUntil > now) return { kind: 'locked', until: lockedUntil };
  // After a lock one attempt at a time: its failure locks again.
  const room = Math.max(1, RULES[scope].limit - failures);
  return reserved < room ? { kind: 'free' } : { kind: 'full' };
}

export function afterReserving(scope: LockoutScope, counter: Counter, now: number): Counter {
  const { reserved, ...rest } = current(scope, counter, now);
  // As long as the oldest counts: later ones must not keep the places of a dead process.
  const reservedUntil = reserved === 0 ? now + RESERVATION_MS : rest.reservedUntil;
  return { ...rest, reserved: reserved + 1, reservedUntil };
}

/** The attempt is over and counts for nothing. */
export function afterReturning(scope: LockoutScope, counter: Counter, now: number): Counter {
  const { reserved, ...rest } = current(scope, counter, now);
  return { ...rest, reserved: Math.max(0, reserved - 1) };
}

/** The password was right: what the same lane got wrong before is forgotten, what others got wrong is not. */
export function afterSuccess(scope: LockoutScope, counter: Counter, now: number): Counter {
  const returned = afterReturning(scope, counter, now);
  return scope === 'login-pair' ? { ...returned, failures: 0, lockedUntil: null } : returned;
}

/** All that was got wrong is forgotten; what is under way still counts. */
export function afterForgiving(scope: LockoutScope, counter: Counter, now: number): Counter {
  return { ...current(scope, counter, now), failures: 0, windowStart: now, lockedUntil: null };
}

/** `locks`: it is this failure that closed the door. */
export function afterFailure(
  scope: LockoutScope,
  counter: Counter,
  now: number,
): { counter: Counter; locks: boolean } {
  const rule = RULES[scope];
  const before = afterReturning(scope, counter, now);
  const slides = scope === 'login-pair' || before.failures === 0;
  const failed = {
    ...before,
    failures: before.failures + 1,
    windowStart: slides ? Math.max(now, before.windowStart) : before.windowStart,
  };
  if (failed.failures < rule.limit) return { counter: failed, locks: false };
  const wasLocked = before.lockedUntil !== null && before.lockedUntil > now;
  return { counter: { ...failed, ...rule.lock(failed, now) }, locks: !wasLocked };
}

/** The counter as it counts now: without what is over. */
function current(scope: LockoutScope, counter: Counter, now: number): Counter {
  const isOver = now >= counter.windowStart + RULES[scope].windowMs && now >= (counter.lockedUntil ?? 0);
  const lapsed = now >= counter.reservedUntil;
  return {
    ...counter,
    ...(isOver ? { failures: 0, windowStart: now, lockedUntil: null } : {}),
    ...(lapsed ? { reserved: 0 } : {}),
  };
}
