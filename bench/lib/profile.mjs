import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { round } from './statistics.mjs';

/** Where a process spent its own time: the functions of the newest .cpuprofile of a folder, by self time. */
export function topOfProfile(folder, count = 15) {
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .sort()
    .at(-1);
  if (newest === undefined) return [];
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, newest), 'utf8'));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const self = new Map();
  samples.forEach((id, place) => {
    const name = frames.get(id);
    self.set(name, (self.get(name) ?? 0) + timeDeltas[place]);
  });
  self.delete('(idle)');
  const busy = [...self.values()].reduce((total, time) => total + time, 0);
  return [...self]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => ({
      function: name,
      'self %': round((100 * time) / busy, 1),
    }));
}

function nameOf({ functionName, url, lineNumber }) {
  if (url === '') return functionName;
  const file = url.split('/').slice(-2).join('/');
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}
