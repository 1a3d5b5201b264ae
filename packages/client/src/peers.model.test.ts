import fc from 'fast-check';
import { expect, it } from 'vitest';
import { World } from '../test/support/pages.js';

const WHAT = [
  'some',
  'some',
  'some',
  'all',
  'cut',
  'connect',
  'share',
  'cross',
  'second',
  'long',
  'media',
  'blink',
  'refuse',
] as const;

interface Step {
  what: (typeof WHAT)[number] | 'reload';
  page: number;
  /** Which of what may happen next does. */
  choices: number[];
}

function steps(what: readonly Step['what'][]): fc.Arbitrary<Step[]> {
  const choices = fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 24, size: 'max' });
  const step = fc.record({ what: fc.constantFrom(...what), page: fc.nat({ max: 2 }), choices });
  return fc.array(step, { maxLength: 40, size: 'max' });
}

async function take(world: World, { what, page: at, choices }: Step, isCalm: boolean): Promise<void> {
  const page = world.pages[at % world.pages.length];
  if (what === 'some') for (const choice of choices) await world.happen(choice);
  else if (what === 'all') await world.drain();
  else if (what === 'second') await world.pass(1_000);
  else if (what === 'long') await world.pass(6_000);
  else if (what === 'media') world.media.cut = !world.media.cut;
  else if (what === 'refuse') await world.refuse();
  else if (what === 'cross') for (const each of world.pages) each.share('video');
  else if (what === 'share') page?.share('audio');
  // A join whose ack is lost leaves a seat behind that nobody knows; it ends with its grace.
  else if (page?.room || what === 'connect' || !isCalm) page?.[what]();
}

/** Offers that crossed. */
let glare = 0;

async function play(
  kinds: ('audio' | 'video')[][],
  given: Step[],
  seconds = 60,
  begin: (world: World) => unknown = () => {},
): Promise<World> {
  const world = new World();
  if (seconds > 1) world.lend();
  for (const each of kinds) {
    await world.add(each);
    // The room has to be there for the next one.
    if (world.pages.length === 1) await world.drain();
  }
  await begin(world);
  for (const step of given) await take(world, step, seconds === 1);
  expect(await world.converge(seconds + 1)).toBeLessThanOrEqual(seconds);
  expect(world.faults()).toEqual([]);
  glare += world.server.counts.glare;
  return world;
}

const pair = fc.constantFrom<('audio' | 'video')[][]>(
  [
    ['audio', 'video'],
    ['audio', 'video'],
  ],
  [['audio'], ['audio', 'video']],
  [[], ['video']],
  [[], []],
);

it('[RM155] [BEY4] offers that cross are settled at once, over lost sockets too', async () => {
  const calm = ['some', 'some', 'all', 'cut', 'connect', 'share', 'cross'] as const;
  await fc.assert(
    fc.asyncProperty(pair, steps(calm), async (kinds, given) => {
      // ICE looks once, and no timer of ours is due yet.
      const world = await play(kinds, given, 1);
      expect(world.errors).toEqual([]);
    }),
    { numRuns: 300 },
  );
  // Otherwise it proves nothing.
  expect(glare).toBeGreaterThan(100);
});

it('[RM156] [BEY4] who reloads is in contact again at once', async () => {
  const calm = ['some', 'some', 'all', 'reload', 'share', 'cross'] as const;
  await fc.assert(
    fc.asyncProperty(pair, steps(calm), async (kinds, given) => {
      const world = await play(kinds, given, 1);
      expect(world.errors).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

it('[RM155] [BEY4] two are in contact in the end, whatever crosses, is lost or is told late', async () => {
  await fc.assert(
    fc.asyncProperty(pair, steps(WHAT), async (kinds, given) => {
      const world = await play(kinds, given);
      expect(world.errors).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

it('[RM156] [BEY4] two are in contact in the end though their pages reload in the midst of it', async () => {
  await fc.assert(
    fc.asyncProperty(pair, steps([...WHAT, 'reload']), (kinds, given) => play(kinds, given).then(() => {})),
    { numRuns: 300 },
  );
});

it('[RM155] [BEY4] three are in contact in the end, each with each', async () => {
  const three = fc.constant<('audio' | 'video')[][]>([['audio', 'video'], ['audio'], []]);
  await fc.assert(
    fc.asyncProperty(three, steps([...WHAT, 'reload']), (kinds, given) => play(kinds, given).then(() => {})),
    { numRuns: 100 },
  );
});

/** One reloads while the other is away and hears nothing of it, until ICE tells; by then its credentials are due. */
async function missReload(world: World): Promise<void> {
  await world.converge();
  world.pages[0]?.cut();
  world.pages[1]?.reload();
  world.pages[0]?.connect();
  await world.drain();
  await world.pass(10_000);
  await world.drain();
  await world.pass(3_000);
}

it('[RM184] [BEY4] two are in contact in the end though one missed a reload, and credentials wait', async () => {
  const few = ['some', 'all', 'blink', 'share', 'refuse'] as const;
  const step = (what: Step['what'], page = 0): Step => ({ what, page, choices: [0] });
  const kinds: ('audio' | 'video')[][] = [
    ['audio', 'video'],
    ['audio', 'video'],
  ];
  // An offer waits for credentials, behind it the answer of a page that is another one by now, and another offer.
  const behind = [
    step('share', 1),
    step('refuse'),
    step('refuse'),
    step('blink', 1),
    step('all'),
    step('refuse'),
  ];
  await fc.assert(
    fc.asyncProperty(pair, steps(few), (kinds, given) => play(kinds, given, 60, missReload).then(() => {})),
    { numRuns: 300, examples: [[kinds, behind]] },
  );
});
