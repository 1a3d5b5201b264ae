import { onTestFinished } from 'vitest';
import { ClientTokenManager, type ClientTokenManagerOptions } from '../../src/token-manager.js';
import { startIssuer } from './issuer.js';

export const credentials = { email: 'a@example.org', password: 'correct horse' };

/** Closed after the test. */
export function manager(url: string, options: Partial<ClientTokenManagerOptions> = {}): ClientTokenManager {
  const made = new ClientTokenManager({ url, ...options });
  onTestFinished(() => made.close());
  return made;
}

/** Stopped after the test. */
export async function issuer(): ReturnType<typeof startIssuer> {
  const made = await startIssuer();
  onTestFinished(() => made.server.stop());
  return made;
}
