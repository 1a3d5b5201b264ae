import type { Socket } from 'node:net';
import { BongsuError, ValidationError } from '@bongsu/protocol';
import { SOCKET_HEADERS } from '../guards/headers.js';
import { uuidv7 } from '../platform/ids.js';
import type { Log } from '../platform/log.js';
import { failure, logRefusal } from './reply.js';

const REASONS: Record<number, string> = { 400: 'Bad Request', 413: 'Payload Too Large' };

/**
 * Answers what Node's parser refused, of which there is no request: two lengths, a line that goes on in the next, headers without
 * end. The connection is closed, since nobody knows where its next request would begin.
 */
export function refuseUnread(log: Log): (error: Error & { code?: string }, socket: Socket) => void {
  return (thrown, socket) => {
    // The peer went away, or an answer is under way on it already.
    if (thrown.code === 'ECONNRESET' || socket.destroyed || !socket.writable || socket.bytesWritten > 0) {
      socket.destroy();
      return;
    }
    const error =
      thrown.code === 'HPE_HEADER_OVERFLOW'
        ? new BongsuError('PAYLOAD_TOO_LARGE')
        : new ValidationError([{ path: '', message: 'the request could not be read' }]);
    const requestId = uuidv7();
    logRefusal(log, error, { requestId, parser: thrown.code });
    const body = JSON.stringify(failure(error, requestId));
    const headers = {
      ...SOCKET_HEADERS,
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
      Connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.end(`HTTP/1.1 ${error.status} ${REASONS[error.status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
  };
}
