/** npm start: installs and builds what is missing or stale, then is the server. */
import { build } from './build.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { endWithParent, requireNode } from './lib/process.mjs';

requireNode();
await installIfNeeded();
await build();
if (process.env.npm_lifecycle_event) endWithParent(process.ppid);
// In this process, so that signals and the exit code need no passing on.
const { main } = await import('../packages/server/dist/main.js');
await main(['serve', ...process.argv.slice(2)]);
