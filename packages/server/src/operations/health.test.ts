import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { Metrics } from '../platform/metrics.js';
import { HealthReporter } from './health.js';
import { healthRoutes } from './routes.js';

it('[ND77] a node that starts is not ready, and drains only once it stops', async () => {
  const health = new HealthReporter({
    database: { ping: async () => ({ isReadOnly: false }) },
    ephemeral: { health: () => ({ status: 'ok' }) },
    breakers: { list: () => [] },
    clock: { now: () => 0 },
    databaseClock: () => 0,
    version: '1.0.0',
    node: 'a',
    connections: () => 0,
    uptimeSeconds: () => 0,
  });
  const app = Fastify();
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  await app.register(healthRoutes({ health, metrics: new Metrics(), metricsToken: undefined }));
  const seen = async () => {
    const answer = await app.inject('/health/ready');
    const { ready, draining } = health.state();
    return [answer.statusCode, answer.json<{ status: string }>().status, ready, draining];
  };
  expect(await seen()).toEqual([503, 'starting', false, false]);
  health.enter('ready');
  expect(await seen()).toEqual([200, 'ok', true, false]);
  health.enter('draining');
  expect(await seen()).toEqual([503, 'draining', false, true]);
  await app.close();
});
