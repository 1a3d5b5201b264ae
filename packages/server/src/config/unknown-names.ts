import { type Environment, namesOf, PREFIX } from './environment.js';
import { infoOf, SETTING_NAMES } from './schema.js';

/** What Kubernetes adds for a service named bongsu. */
const SERVICE_LINK = /^BONGSU_(PORT_\d+_(TCP|UDP)|SERVICE_(HOST|PORT))/;
const LONG_NAME = 8;

/** Insertions, deletions, replacements and swaps of neighbours between two names (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + same,
          swapped ? at(i - 2, j - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return at(a.length, b.length);
}

function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: { name: string; edits: number } | undefined;
  for (const candidate of known) {
    const allowed = Math.min(name.length, candidate.length) >= LONG_NAME ? 2 : 1;
    const edits = distance(name, candidate);
    if (edits <= allowed && edits < (best?.edits ?? Infinity)) best = { name: candidate, edits };
  }
  return best?.name;
}

function knownNames(): Set<string> {
  const names = SETTING_NAMES.flatMap((name) => {
    const all = namesOf(name);
    return infoOf(name).secret ? [...all, ...all.map((item) => `${item}_FILE`)] : all;
  });
  return new Set(names);
}

/** Every BONGSU_ name that nothing reads, and other names that look like a setting with a slip of the finger. */
export function warnOfUnknownNames(env: Environment): string[] {
  const known = knownNames();
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    if (known.has(name) || SERVICE_LINK.test(name) || !env[name]) continue;
    const meant = nearest(name, known);
    if (meant !== undefined) warnings.push(`${name} is not a setting. Did you mean ${meant}?`);
    else if (name.startsWith(PREFIX))
      warnings.push(`${name} is not a setting of this version; nothing reads it.`);
  }
  return warnings;
}
