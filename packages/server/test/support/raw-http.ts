import { once } from 'node:events';
import { connect } from 'node:net';

const PATIENCE_MS = 5000;

export interface RawAnswer {
  status: number;
  /** Status line and headers. */
  head: string;
  text: string;
}

/**
 * What a server answers to these bytes, to the end of the connection: for requests that no HTTP client would send. Ask for
 * `Connection: close`, or it takes five seconds.
 */
export async function sendRaw(url: string, text: string): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  // Silence is an answer too: status 0.
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  await once(socket, 'connect');
  socket.write(Buffer.from(text, 'latin1'));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  const answer = Buffer.concat(chunks).toString('latin1');
  const [head = ''] = answer.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, text: answer };
}

/** A request of these lines, closed after its answer. */
export const request = (lines: readonly string[], body = ''): string =>
  `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`;
