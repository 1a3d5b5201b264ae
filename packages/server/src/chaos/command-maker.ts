import type { NavigateInput, TriggerInput } from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import type { Expectation } from './history.js';
import type { Instructions, Mix, TargetScreen } from './messages.js';
import type { SeededRandom } from './seeded-random.js';

export type Made = { screenId: string; expect: Expectation } & (
  | { type: 'trigger'; payload: TriggerInput }
  | { type: 'navigate'; payload: NavigateInput }
);

const REFUSED = 0.03;
const NONCED = 0.1;
const LONGEST_MS = 4;
const DISPLAYS = 2;
const FILLER = 200;

/** The load: the seed decides what is sent to whom; only ids and times are of the moment. */
export function makeCommand(
  random: SeededRandom,
  screens: readonly TargetScreen[],
  mix: Mix,
  now: number,
): Made {
  const screen = random.pick(screens);
  const envelope = {
    id: uuidv7(),
    timestamp: now,
    target: { screenId: screen.screenId },
    ...(random.chance(mix.expiring) ? { ttlMs: random.between(20, 400) } : {}),
    ...(random.chance(NONCED)
      ? { nonce: `n-${random.between(0, 2 ** 30)}-${random.between(0, 2 ** 30)}` }
      : {}),
    notify: random.pick(['all', 'all', 'final', 'none'] as const),
  };
  const isSpoiled = random.chance(REFUSED);
  const spoiler = isSpoiled ? random.pick(SPOILERS)(now) : {};
  const expect = isSpoiled ? 'refused' : 'accepted';
  if (random.chance(mix.navigates)) {
    const displayIndex = random.between(0, DISPLAYS);
    const url = `/page/${random.between(0, 100)}`;
    const payload = { ...envelope, url, displayIndex, ...spoiler };
    return { type: 'navigate', screenId: screen.screenId, expect, payload };
  }
  const { instructions, retries } = instructionsOf(random, screen, mix);
  const payload = {
    ...envelope,
    ...(retries === undefined ? {} : { retries }),
    action: 'show',
    data: instructions,
    ...spoiler,
  };
  return { type: 'trigger', screenId: screen.screenId, expect, payload };
}

function instructionsOf(
  random: SeededRandom,
  screen: TargetScreen,
  mix: Mix,
): { instructions: Instructions; retries?: number } {
  const isTrouble = random.chance(mix.failing);
  const isSilent = random.chance(mix.silent) && screen.canBeSilent;
  const kind = random.between(0, 3);
  if (isSilent) return { instructions: { do: 'silent' }, retries: 0 };
  if (!isTrouble) {
    const filler = 'x'.repeat(random.between(0, FILLER));
    return { instructions: { do: 'run', takesMs: random.between(0, LONGEST_MS), filler } };
  }
  if (kind === 0) return { instructions: { do: 'fail', once: true } };
  if (kind === 1) return { instructions: { do: 'fail' }, retries: random.between(0, 2) };
  return { instructions: { do: 'reject' } };
}

/** Each is refused whatever happens; none may ever be executed. */
const SPOILERS: readonly ((now: number) => object)[] = [
  (now) => ({ timestamp: now - 3_600_000 }),
  (now) => ({ timestamp: now + 3_600_000 }),
  () => ({ action: 'not allowed!', url: 'javascript:alert(1)' }),
  () => ({ data: 'x'.repeat(20_000), url: 7 }),
  () => ({ displayIndex: 99 }),
  () => ({ target: { screenId: 'no-such-screen' } }),
];
