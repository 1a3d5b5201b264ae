import { proveReload, proveServerRestart, proveTabClose } from './comings.mjs';
import { proveConsole } from './console.mjs';
import { proveCuts } from './cuts.mjs';
import { proveGlare } from './glare.mjs';
import { proveMesh } from './mesh.mjs';

export const description =
  'real Chromium windows with fake cameras call each other: every picture is seen to move on, through reloads, closed tabs, a killed server, offers that cross, and networks that go away';

const STEPS = {
  'two people': () => proveMesh(2),
  'four people': () => proveMesh(4),
  'six people': () => proveMesh(6),
  reload: proveReload,
  'tab close': proveTabClose,
  'console page': proveConsole,
  'server restart': proveServerRestart,
  glare: proveGlare,
  cuts: (options) => proveCuts({ ...options, watchful: false }),
  'noticed cuts': (options) => proveCuts({ ...options, watchful: true }),
};

/** @param only the names of steps, e.g. `glare` */
export async function prove({ seed, only, log }) {
  const figures = {};
  for (const [name, step] of Object.entries(STEPS)) {
    if (only && !only.includes(name)) continue;
    const startedAt = performance.now();
    figures[name] = await step({ seed, log }).catch((error) => ({ passed: false, error: String(error) }));
    log(
      `${name}: ${JSON.stringify(figures[name])} (${Math.round((performance.now() - startedAt) / 1000)} s)`,
    );
  }
  return { passed: Object.values(figures).every(({ passed }) => passed), figures };
}
