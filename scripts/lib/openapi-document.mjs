import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a real server answers at /api/openapi.json, without what differs from one machine to another. */
export async function readOpenApiDocument() {
  const { createApp } = await import('../../packages/server/dist/app.js');
  const { loadConfig, withGeneratedSecrets } = await import('../../packages/server/dist/config.js');
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-openapi-'));
  const loaded = loadConfig({ PORT: '0', NODE_ENV: 'test', DATA_DIR: folder, LOG_LEVEL: 'silent' });
  const app = createApp(await withGeneratedSecrets(loaded.settings));
  // Timers of the server's clock do not keep the process.
  const keepAlive = setInterval(() => {}, 2 ** 30);
  try {
    await app.start();
    const { servers, ...document } = await (await fetch(`${app.url}/api/openapi.json`)).json();
    return `${JSON.stringify(document, null, 2)}\n`;
  } finally {
    await app.stop();
    clearInterval(keepAlive);
    await rm(folder, { recursive: true, force: true });
  }
}
