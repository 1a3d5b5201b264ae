/**
 * Why a run is void, a sentence each; empty when it counts: nothing may be lost, come twice or be refused, whatever else is measured.
 * @param options.of what was run, for the sentences
 * @param options.counts further figures that have to be 0, by what they are
 */
export function judgeRun({ of, lost, twice, refusals, counts = {} }) {
  const refused = Object.values(refusals).reduce((total, count) => total + count, 0);
  const figures = {
    'commands were lost': lost,
    'commands came twice': twice,
    [`refusals: ${JSON.stringify(refusals)}`]: refused,
    ...counts,
  };
  const broken = Object.entries(figures).filter(([, count]) => count !== 0);
  return broken.map(([what, count]) => `${of}: ${count} ${what}`);
}
