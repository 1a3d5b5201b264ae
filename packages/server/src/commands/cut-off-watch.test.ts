import { beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { CutOffWatch, isWell } from './cut-off-watch.js';

let clock: ManualClock;
let renewedAt: number;
let told: number;
let watch: CutOffWatch;

beforeEach(() => {
  clock = new ManualClock();
  renewedAt = clock.monotonic();
  told = 0;
  const tell = () => {
    told += 1;
  };
  watch = new CutOffWatch({ lease: { renewedAt: () => renewedAt }, clock, onCutOff: tell });
  watch.start();
});

/** Time in which another process beats, `well` or not, or is silent. */
function pass(ms: number, well: boolean | 'silent', renews = false): void {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250);
    if (well !== 'silent') watch.heard('other', well);
    if (renews) renewedAt = clock.monotonic();
  }
}

it('[ND88] a process that could not renew its lease for 12 s while another one did is cut off, and says so once', () => {
  pass(20_000, true, true);
  pass(11_500, true);
  expect(told).toBe(0);
  pass(1000, true);
  expect(told).toBe(1);
  pass(60_000, true);
  expect(told).toBe(1);
  expect(watch.isCutOff).toBe(true);
  pass(5000, true, true);
  expect(watch.isCutOff).toBe(false);
  pass(13_000, true);
  expect(told).toBe(2);
});

it.each([
  ['nobody else is there', 'silent'],
  ['the others have lost the database too', false],
] as const)('[ND88] is not where %s', (_, well) => {
  pass(60_000, well);
  expect(told).toBe(0);
});

it('[ND88] is not where it is the later one to have the database back', () => {
  pass(60_000, false);
  pass(9000, true);
  expect(told).toBe(0);
  pass(500, true, true);
  pass(11_000, true);
  expect(told).toBe(0);
});

it('[ND88] is not where the others fell silent meanwhile', () => {
  pass(20_000, true, true);
  pass(11_000, true);
  pass(5000, 'silent');
  expect(told).toBe(0);
});

it('[ND88] who renewed within the last 6 s is well', () => {
  const lease = { renewedAt: () => renewedAt };
  clock.advance(5999);
  expect(isWell({ lease, clock })).toBe(true);
  clock.advance(1);
  expect(isWell({ lease, clock })).toBe(false);
});
