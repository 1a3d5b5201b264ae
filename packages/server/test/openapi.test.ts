import { type HttpAnswer, type Operation, operations, type Target, World } from '@bongsu/conformance';
import { v4, v7 } from 'uuid';
import { beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../src/app.js';
import { type Case, cases } from './support/openapi-cases.js';
import { describeEachServer } from './support/server.js';

const SETTINGS = {
  RATE_LIMIT_PER_MINUTE: '100000',
  HANDSHAKE_FAILURES_PER_MINUTE: '100000',
  ROOMS_PER_MINUTE: '1000',
};

describeEachServer('openapi', (start) => {
  let world: World;
  let app: App;
  let documented: Operation[];

  beforeAll(async () => {
    const server = await start({ settings: SETTINGS });
    app = server.app;
    const target: Target = { url: server.url };
    world = new World(target);
    const { body } = await world.http.get('/api/openapi.json');
    documented = operations(body);
  });

  it('[FIN3] every operation of the document has a success and a refusal in the table, and no other', () => {
    expect(documented.map(nameOf).sort()).toEqual(Object.keys(cases).sort());
  });

  it('[FIN3] whoever is over the limit is told so, by what says so alone', async () => {
    const { url } = await start({
      settings: { RATE_LIMIT_PER_MINUTE: '1', HANDSHAKE_FAILURES_PER_MINUTE: '1' },
    });
    const { http } = new World({ url });
    await http.get('/api/auth/options');
    const limited: string[] = [];
    for (const operation of documented) {
      const answer = await http.call(operation.method, operation.path, bodyFor(operation));
      expectNamed(operation, answer);
      if (answer.status === 429) limited.push(nameOf(operation));
    }
    const named = documented.filter(({ codes }) => codes.includes('RATE_LIMIT')).map(nameOf);
    // Counted by the device that asks, which is none here.
    expect(named.filter((name) => !limited.includes(name))).toEqual([
      'POST /api/screens/pairings/{id}/token',
    ]);
  });

  it('[FIN3] whoever lacks the second factor that is asked of them is told so, by what says so alone', async () => {
    const { url } = await start({ settings: { ...SETTINGS, MFA_REQUIRED_FOR: 'everybody' } });
    const there = new World({ url });
    const { accessToken: token } = await there.signUp();
    const refused: string[] = [];
    // That one would end the login that asks.
    const asked = documented.filter(({ template }) => template !== '/api/auth/logout');
    for (const operation of asked) {
      const answer = await there.http.call(operation.method, operation.path, {
        token,
        ...bodyFor(operation),
      });
      expectNamed(operation, answer);
      if (codeOf(answer) === 'MFA_REQUIRED') refused.push(nameOf(operation));
    }
    const named = documented.filter(({ codes }) => codes.includes('MFA_REQUIRED')).map(nameOf);
    // Asks for the code of a factor that is on; and of administrators, who are let in no further for being one.
    const others = [
      'DELETE /api/connections/{id}',
      'GET /api/connections',
      'GET /api/nodes',
      'GET /api/users',
      'PATCH /api/users/{id}',
      'POST /api/auth/step-up',
    ];
    expect(named.filter((name) => !refused.includes(name)).sort()).toEqual(others);
  });

  describe.each(Object.entries(cases))('%s', (name, { success, refusals, isOpen }: Case) => {
    it('[FIN3] succeeds', async () => {
      const { answer, status } = await success(world, app, start);
      expect(answer.status, answer.text).toBe(status);
    });

    it.each(Object.entries(refusals))('[FIN3] refuses %s', async (code, refusal) => {
      const answer = await refusal(world, { uuid: v7(), other: v4() });
      expect(answer.body, answer.text).toMatchObject({ success: false, error: { code } });
      const operation = documented.find((each) => nameOf(each) === name);
      if (operation && !isOpen) expectNamed(operation, answer);
    });
  });
});

const nameOf = ({ method, template }: Operation) => `${method} ${template}`;
const codeOf = ({ body }: HttpAnswer) => (body as { error?: { code: string } } | undefined)?.error?.code;
const bodyFor = ({ method }: Operation) => (['GET', 'DELETE'].includes(method) ? {} : { body: {} });

/** A refusal that the document does not tell of is one that no client is ready for. */
function expectNamed(operation: Operation, answer: HttpAnswer): void {
  const code = codeOf(answer);
  if (code === undefined) return;
  expect(operation.codes, nameOf(operation)).toContain(code);
  expect(operation.statuses, nameOf(operation)).toContain(answer.status);
}
