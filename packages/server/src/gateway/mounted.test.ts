import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { listMounted } from './mounted.js';

it('[SEC4] a route that names no right is not mounted', () => {
  const app = Fastify();
  listMounted(app);
  expect(() => app.get('/api/forgotten', async () => 'open')).toThrow('GET /api/forgotten names no right');
});

it('[SEC4] what is mounted is listed with its right, whoever mounts it', async () => {
  const app = Fastify({ exposeHeadRoutes: false });
  listMounted(app);
  app.get('/api/docs/*', async () => 'of a plugin');
  await app.register(async (below) => {
    const config = { right: 'screens.read' } as const;
    below.route({ method: ['GET', 'POST'], url: '/screens/:id', config, handler: async () => 'screen' });
  });
  expect(app.mounted).toEqual([
    { method: 'GET', url: '/api/docs/*', right: 'public' },
    { method: 'GET', url: '/screens/:id', right: 'screens.read' },
    { method: 'POST', url: '/screens/:id', right: 'screens.read' },
  ]);
});
