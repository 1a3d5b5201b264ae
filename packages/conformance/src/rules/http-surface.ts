import { HealthSchema } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { operations } from '../support/openapi.js';
import type { GetWorld } from '../support/world.js';

const YEAR_SECONDS = 31_536_000;

export function httpSurfaceRules(world: GetWorld): void {
  it.each(['/api/health', '/health'])('[HT1] [OBS3] %s tells how the server is', async (path) => {
    const health = expectBody(await world().http.get(path), 200, HealthSchema);
    expect(health.status).not.toBe('unavailable');
    expect(health.uptime).toBeGreaterThanOrEqual(0);
    expect(health.memory.rss).toBeGreaterThan(1_000_000);
    expect(health.checks).toHaveProperty('database.status', 'ok');
    expect(health.checks).toHaveProperty('ephemeral.status', 'ok');
  });

  it('[HT1] the number of connections follows the sockets', async () => {
    const { accessToken } = await world().person('owner');
    const before = expectBody(await world().http.get('/api/health'), 200, HealthSchema).connections;
    // Each node counts its own.
    const sockets = Array.from({ length: 3 * world().sockets.places.count });
    await Promise.all(sockets.map(() => world().sockets.connect({ token: accessToken })));
    const after = expectBody(await world().http.get('/api/health'), 200, HealthSchema).connections;
    expect(after).toBeGreaterThanOrEqual(before + 3);
  });

  it.each(['/api/health/live', '/api/health/ready'])('[HT2] %s is 200', async (path) => {
    expect((await world().http.get(path)).status).toBe(200);
  });

  it('[HT3] /metrics speaks Prometheus to a neighbour', async () => {
    const answer = await world().neighbour.get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    for (const name of [
      'signaling_active_connections',
      'bongsu_commands_total',
      'bongsu_command_latency_seconds',
      'bongsu_batch_size',
      'bongsu_commit_seconds',
      'bongsu_deliveries_total',
      'bongsu_http_request_seconds',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_seconds',
    ]) {
      expect(answer.text).toContain(`# TYPE ${name} `);
    }
  });

  it('[HT3] /metrics is closed to what came through a proxy', async () => {
    for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-forwarded-proto', 'via']) {
      const answer = await world().http.get('/metrics', undefined, { [header]: '127.0.0.1' });
      expect([401, 403, 404], header).toContain(answer.status);
      expect(answer.text).not.toContain('# TYPE');
    }
  });

  it('[HT4] the OpenAPI document is 3.1 and names every family', async () => {
    const document = await world().http.get('/api/openapi.json');
    expect(document.body).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./) });
    const paths = Object.keys((document.body as { paths: object }).paths).join('\n');
    for (const path of [
      '/auth/signup',
      '/auth/refresh',
      '/users/me',
      '/screens',
      '/commands/{id}',
      '/health',
    ]) {
      expect(paths).toContain(path);
    }
  });

  it('[HT4] the reader of the API loads nothing from elsewhere', async () => {
    let answer = await world().http.get('/api/docs');
    const moved = answer.headers.get('location');
    if (moved !== null)
      answer = await world().http.get(new URL(moved, `${world().target.url}/api/docs`).pathname);
    expect(answer.status).toBe(200);
    const sources = [...answer.text.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? '');
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) expect(source).not.toMatch(/^(https?:)?\/\//);
  });

  it('[HT5] every operation of the document is served', async () => {
    const document = (await world().http.get('/api/openapi.json')).body;
    // Of nobody else: one of the operations is to log out.
    const { accessToken } = await world().signUp();
    const all = operations(document);
    expect(all.length).toBeGreaterThan(20);
    for (const { method, path } of all) {
      const call = method === 'GET' ? {} : { body: {} };
      const answer = await world().http.call(method, path, { token: accessToken, ...call });
      expect(answer.status, `${method} ${path} ${answer.text}`).toBeLessThan(500);
      if (answer.status === 404) {
        const code = (answer.body as { error?: { code?: string } } | undefined)?.error?.code;
        expect(code, `${method} ${path} ${answer.text}`).toMatch(/NOT_FOUND$/);
        expect(path, `${method} ${path} is not served`).toMatch(/00000000|no-such/);
      }
    }
  });

  it('[HT6] [MED4] every kind of answer carries the security headers', async () => {
    const { accessToken } = await world().person('owner');
    for (const [path, token] of [
      ['/', undefined],
      ['/api/health', undefined],
      ['/api/users/me', accessToken],
      ['/api/users/me', undefined],
      ['/api/no-such-route', undefined],
      ['/.well-known/jwks.json', undefined],
    ] as const) {
      const { headers } = await world().http.get(path, token);
      expect(headers.get('content-security-policy'), path).toMatch(/default-src 'self'|default-src 'none'/);
      expect(headers.get('content-security-policy'), path).not.toMatch(/script-src[^;]*unsafe-(inline|eval)/);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('x-frame-options'), path).toMatch(/^(DENY|SAMEORIGIN)$/);
      expect(headers.get('referrer-policy'), path).toMatch(/no-referrer|same-origin|strict-origin/);
      const age = /max-age=(\d+)/.exec(headers.get('strict-transport-security') ?? '')?.[1];
      expect(Number(age), path).toBeGreaterThanOrEqual(YEAR_SECONDS);
      expect(headers.get('x-xss-protection') ?? '0', path).toBe('0');
      expect(headers.get('x-powered-by'), path).toBeNull();
    }
  });

  it('[HT7] an origin that is not listed is not allowed', async () => {
    const preflight = {
      origin: 'https://evil.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    };
    for (const call of [
      await world().http.call('OPTIONS', '/api/screens', { headers: preflight }),
      await world().http.call('GET', '/api/health', { headers: { origin: 'https://evil.example.com' } }),
      await world().http.call('GET', '/api/health', { headers: { origin: 'null' } }),
    ]) {
      const allowed = call.headers.get('access-control-allow-origin');
      expect([null, '', 'false']).toContain(allowed);
    }
  });

  it('[HT7] a listed origin is allowed by name', async (context) => {
    const origin = world().target.allowedOrigin;
    if (origin === undefined) return context.skip('the target names no allowed origin');
    const headers = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    };
    const preflight = await world().http.call('OPTIONS', '/api/screens', { headers });
    expect(preflight.status).toBeLessThan(300);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('vary')).toMatch(/origin/i);
    const plain = await world().http.call('GET', '/api/health', { headers: { origin } });
    expect(plain.headers.get('access-control-allow-origin')).toBe(origin);
  });

  it('[HT8] [SEC3] counted answers tell what is left', async () => {
    const { accessToken } = await world().person('owner');
    const { headers } = await world().http.get('/api/users/me', accessToken);
    const read = (name: string) => Number(headers.get(`ratelimit-${name}`) ?? Number.NaN);
    expect(read('limit')).toBeGreaterThan(0);
    expect(read('remaining')).toBeLessThan(read('limit'));
    expect(read('reset')).toBeLessThanOrEqual(60);
  });

  it.each(['?limit=0', '?limit=100000', '?limit=x', '?cursor=%00', '?cursor=nonsense'])(
    '[HT10] the page %s is VALIDATION_ERROR',
    async (query) => {
      const { accessToken } = await world().person('owner');
      expectFailure(await world().http.get(`/api/screens${query}`, accessToken), 400, 'VALIDATION_ERROR');
    },
  );

  it.each([
    ['GET', '/api/users/me'],
    ['GET', '/api/screens'],
    ['POST', '/api/screens'],
    ['POST', '/api/screens/x/trigger'],
    ['GET', '/api/commands/00000000-0000-4000-8000-000000000000'],
  ])('[HT11] %s %s without a login is AUTH_ERROR', async (method, path) => {
    const body = method === 'POST' ? { body: {} } : {};
    expectFailure(await world().http.call(method, path, body), 401, 'AUTH_ERROR');
    for (const authorization of ['Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'x'.repeat(5000)]) {
      const answer = await world().http.call(method, path, { ...body, headers: { authorization } });
      expectFailure(answer, 401, 'AUTH_ERROR');
    }
  });
}
