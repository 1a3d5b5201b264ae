import { timingSafeEqual } from 'node:crypto';
import { AuthenticationError, HealthSchema } from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Metrics } from '../platform/metrics.js';
import type { HealthReporter } from './health.js';

export interface OperationsRoutesDeps {
  health: HealthReporter;
  metrics: Metrics;
  /** Without one, only a loopback or private peer that no proxy forwarded may read the metrics. */
  metricsToken: string | undefined;
}

const free = { right: 'public', limit: 'none' } as const;
const ProbeSchema = z.object({ status: z.string() });

/** Health, with and without the /api prefix. */
export function healthRoutes({ health }: OperationsRoutesDeps): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    const typed = app.withTypeProvider<ZodTypeProvider>();
    typed.get(
      '/health',
      {
        config: free,
        schema: {
          tags: ['operations'],
          summary: 'Health with its checks',
          response: { 200: HealthSchema, 503: HealthSchema },
        },
      },
      async (_request, reply) => {
        const report = await health.report();
        return reply.status(report.status === 'unavailable' ? 503 : 200).send(report);
      },
    );
    typed.get(
      '/health/live',
      {
        config: free,
        schema: { tags: ['operations'], summary: 'The process runs', response: { 200: ProbeSchema } },
      },
      async () => ({ status: 'ok' }),
    );
    typed.get(
      '/health/ready',
      {
        config: free,
        schema: {
          tags: ['operations'],
          summary: 'Takes traffic',
          response: { 200: ProbeSchema, 503: ProbeSchema },
        },
      },
      async (_request, reply) => {
        const { status } = await health.report();
        if (health.phase !== 'ready') return reply.status(503).send({ status: health.phase });
        return reply.status(status === 'unavailable' ? 503 : 200).send({ status });
      },
    );
  };
}

/** Prometheus text at /metrics. */
export function metricsRoutes({ metrics, metricsToken }: OperationsRoutesDeps): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    app.get('/metrics', { config: free, schema: { hide: true } }, async (request, reply) => {
      if (!mayReadMetrics(request, metricsToken)) throw new AuthenticationError();
      return reply.type(metrics.contentType).send(await metrics.text());
    });
  };
}

/** What proxies add; any of them says that the peer is not who asks. */
const FORWARDING_HEADERS = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
];

function mayReadMetrics(request: FastifyRequest, token: string | undefined): boolean {
  if (token !== undefined && sameText(request.headers.authorization ?? '', `Bearer ${token}`)) return true;
  const forwarded = FORWARDING_HEADERS.some((name) => request.headers[name] !== undefined);
  return token === undefined && !forwarded && isPrivateAddress(request.socket.remoteAddress ?? '');
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Loopback, RFC 1918, link-local and unique local addresses. */
export function isPrivateAddress(address: string): boolean {
  const ip = address.replace(/^::ffff:/, '');
  return (
    /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/.test(ip) ||
    ip === '::1' ||
    /^f[cd]|^fe[89ab]/i.test(ip)
  );
}
