import type { IncomingMessage } from 'node:http';
import type { Trust } from './client-address.js';

/** FORCE_HTTPS: `auto` believes a trusted proxy that marks a request as plain, `true` takes all as plain that none marks as https. */
export type ForceHttps = 'auto' | 'true' | 'false';

/** Whether a request came in plain where only https may. One function serves pages, API and sockets. */
export function isForbiddenPlain(request: IncomingMessage, forceHttps: ForceHttps, trust: Trust): boolean {
  if (forceHttps === 'false') return false;
  const marks = [request.headers['x-forwarded-proto'] ?? []].flat().join(',');
  // What a stranger marks is not believed: behind a proxy that nobody named it would redirect in a circle.
  const isMarked = marks !== '' && trust(request.socket.remoteAddress ?? '', 0);
  if (!isMarked) return forceHttps === 'true';
  return marks.split(',').at(-1)?.trim() === 'http';
}
