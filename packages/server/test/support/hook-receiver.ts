import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { CommandHookBody, DeliveryHookBody } from '@bongsu/protocol';

export const HOOK_SECRET = 'a-secret-of-the-hook';

export interface ReceivedHook {
  headers: IncomingHttpHeaders;
  text: string;
  body: CommandHookBody & DeliveryHookBody;
  /** Whether the signature is right for HOOK_SECRET. */
  signed: boolean;
}

export type Answerer = (response: ServerResponse, received: ReceivedHook) => void;

export interface HookReceiver {
  url: string;
  config: { url: string; secret: string };
  received: ReceivedHook[];
  /** From now on. */
  answer: Answerer;
  /** Resolves when this many requests came in all. */
  got(count: number): Promise<ReceivedHook[]>;
  /** Connections open now. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export const allow: Answerer = (response) => void response.writeHead(204).end();

/** Somebody's business logic, over HTTP. */
export async function startHookReceiver(answer: Answerer = allow): Promise<HookReceiver> {
  const received: ReceivedHook[] = [];
  const watchers = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const { headers } = request;
    const expected = createHmac('sha256', HOOK_SECRET)
      .update(`${headers['bongsu-timestamp']}.${text}`)
      .digest('hex');
    const signed = headers['bongsu-signature'] === `v1=${expected}`;
    const hook = { headers, text, body: JSON.parse(text), signed };
    received.push(hook);
    receiver.answer(response, hook);
    for (const watch of watchers) watch();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port');
  const url = `http://127.0.0.1:${address.port}/hook`;
  const receiver: HookReceiver = {
    url,
    config: { url, secret: HOOK_SECRET },
    received,
    answer,
    got: (count) =>
      new Promise((resolve) => {
        const watch = () => {
          if (received.length < count) return;
          watchers.delete(watch);
          resolve(received);
        };
        watchers.add(watch);
        watch();
      }),
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return receiver;
}
