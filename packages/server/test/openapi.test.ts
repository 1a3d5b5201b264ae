import { operations, type Target, World } from '@bongsu/conformance';
import { v4, v7 } from 'uuid';
import { beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../src/app.js';
import { type Case, cases } from './support/openapi-cases.js';
import { describeEachServer } from './support/server.js';

const SETTINGS = { RATE_LIMIT_PER_MINUTE: '100000', HANDSHAKE_FAILURES_PER_MINUTE: '100000' };

describeEachServer('openapi', (start) => {
  let world: World;
  let app: App;
  let documented: string[];

  beforeAll(async () => {
    const server = await start({ settings: SETTINGS });
    app = server.app;
    const target: Target = { url: server.url };
    world = new World(target);
    const { body } = await world.http.get('/api/openapi.json');
    documented = operations(body).map(({ method, template }) => `${method} ${template}`);
  });

  it('[FIN3] every operation of the document has a success and a refusal in the table, and no other', () => {
    expect([...documented].sort()).toEqual(Object.keys(cases).sort());
  });

  describe.each(Object.entries(cases))('%s', (_, { success, refusals }: Case) => {
    it('[FIN3] succeeds', async () => {
      const { answer, status } = await success(world, app, start);
      expect(answer.status, answer.text).toBe(status);
    });

    it.each(Object.entries(refusals))('[FIN3] refuses %s', async (code, refusal) => {
      const answer = await refusal(world, { uuid: v7(), other: v4() });
      expect(answer.body, answer.text).toMatchObject({ success: false, error: { code } });
    });
  });
});
