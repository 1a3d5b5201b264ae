/**
 * How often a value of `left` is above one of `right`, a tie counting half: the effect size of Mann and Whitney's rank test. 0.5
 * when the two cannot be told apart, 0 or 1 when each value of one is above all of the other. Only the order of values counts, so that
 * outliers of a busy machine weigh no more than others.
 */
export function commonLanguageEffect(left: readonly number[], right: readonly number[]): number {
  let above = 0;
  for (const a of left) for (const b of right) above += a > b ? 1 : a === b ? 0.5 : 0;
  return above / (left.length * right.length);
}

const SIGMAS = 4.5;

/** How far from 0.5 equal distributions of so many values come in one run of 150,000. */
export function boundOfChance(left: number, right: number): number {
  return SIGMAS * Math.sqrt((left + right + 1) / (12 * left * right));
}

/** Measures two kinds of work in an order made by chance, so that neither always runs behind the other. */
export async function timeInterleaved(
  count: number,
  left: (n: number) => Promise<unknown>,
  right: (n: number) => Promise<unknown>,
): Promise<{ left: number[]; right: number[] }> {
  const times = { left: [] as number[], right: [] as number[] };
  const work = { left, right };
  const order = Array.from({ length: 2 * count }, (_, n): 'left' | 'right' =>
    n % 2 === 0 ? 'left' : 'right',
  );
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other] ?? 'left', order[last] ?? 'left'];
  }
  for (const kind of order) {
    const mine = times[kind];
    const from = performance.now();
    await work[kind](mine.length);
    mine.push(performance.now() - from);
  }
  return times;
}
