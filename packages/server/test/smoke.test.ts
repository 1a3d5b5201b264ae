import { expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';

describeEachServer('smoke', (start) => {
  it('[OBS3] starts, answers health and stops', async () => {
    const server = await start();
    const health = await (await fetch(`${server.url}/api/health`)).json();
    expect(health).toMatchObject({ status: 'ok' });
    const signup = await fetch(`${server.url}/api/auth/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse', username: 'Ada' }),
    });
    const ada = await signup.json();
    expect(signup.status).toBe(201);
    const screen = await fetch(`${server.url}/api/screens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ada.accessToken}` },
      body: JSON.stringify({ name: 'Lobby' }),
    });
    expect(await screen.json()).toMatchObject({ screen: { name: 'Lobby' } });
  });
});
