import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BongsuError, ERRORS, type ErrorCode, type WireError } from '@bongsu/protocol';
import type { Log } from '../platform/log.js';

// The local socket by which a command reaches the server that owns a data folder. A request is a line of JSON {op, input}, its answer
// a line {ok, result} or {ok, error}; one request a connection. Only the user who runs the server can open it.

/** Runs one operation. @throws BongsuError, which reaches the other side as it is; anything else as INTERNAL_ERROR */
export type RunOperation = (name: string, input: unknown) => Promise<unknown>;

export interface ControlServer {
  close(): Promise<void>;
}

interface Answer {
  ok: boolean;
  result?: unknown;
  error?: WireError;
}

/** sun_path has 104 bytes on macOS and 108 on Linux. */
const LONGEST_PATH = 100;
const MAX_REQUEST_BYTES = 64 * 1024;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MAX_CONNECTIONS = 16;
/** A caller that connected and says nothing. */
const SILENT_MS = 10_000;
/** A caller that does not read its answer, or stays after it. */
const UNREAD_MS = 2000;
const OWNER_ONLY = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Where a server listens; makes the folder for it when the path would be too long for a socket.
 * @param node of a server that does not own the data folder, as several may run beside each other
 */
export async function controlPath(dataDir: string, node?: string): Promise<string> {
  const folder = resolve(dataDir);
  const name = `bongsu-${shortHash(`${folder}${node ?? ''}`)}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  const file = node === undefined ? 'control.sock' : `control-${shortHash(node)}.sock`;
  const inFolder = join(folder, file);
  if (Buffer.byteLength(inFolder) <= LONGEST_PATH) return inFolder;
  return join(await privateFolder(name), file);
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Under the temporary folder, where others may have made one of that name before: theirs is never used. */
async function privateFolder(name: string): Promise<string> {
  const folder = join(tmpdir(), name);
  await mkdir(folder, { mode: FOLDER_MODE }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  const isOurs = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  return isOurs ? folder : mkdtemp(join(tmpdir(), 'bongsu-'));
}

/** Listens until closed. The caller owns the data folder, so a socket file that is there was left by a killed process. */
export async function serveControl(path: string, run: RunOperation, log: Log): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  /** Those that asked nothing yet. */
  const silent = new Set<Socket>();
  const underWay = new Set<Promise<void>>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A caller that goes away has its reasons.
    socket.on('error', () => undefined);
    const work = answerOne(socket, silent, run, log).finally(() => underWay.delete(work));
    underWay.add(work);
  });
  server.maxConnections = MAX_CONNECTIONS;
  if (process.platform !== 'win32') await rm(path, { force: true });
  await listen(server, path);
  return {
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of silent) socket.destroy();
      await Promise.all(underWay);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  // The file is made within listen(): nobody else may open it in the moment before its mode is set.
  const before = process.umask(0o777 & ~OWNER_ONLY);
  try {
    await new Promise<void>((listening, failed) => {
      server.once('error', failed);
      server.listen(path, listening);
      process.umask(before);
    });
  } finally {
    process.umask(before);
  }
  if (process.platform !== 'win32') await chmod(path, OWNER_ONLY);
}

/** Until the answer is written: what the caller does with its end of the connection is its own affair. */
async function answerOne(socket: Socket, silent: Set<Socket>, run: RunOperation, log: Log): Promise<void> {
  let answer: Answer;
  try {
    silent.add(socket);
    socket.setTimeout(SILENT_MS, () => socket.destroy());
    const line = await readLine(socket, MAX_REQUEST_BYTES).finally(() => silent.delete(socket));
    socket.setTimeout(0);
    if (line === undefined) return;
    answer = await answerTo(line, run, log);
  } catch (error) {
    answer = { ok: false, error: wireError(error, log) };
  }
  let text = JSON.stringify(answer);
  if (Buffer.byteLength(text) > MAX_ANSWER_BYTES) {
    text = JSON.stringify({ ok: false, error: new BongsuError('PAYLOAD_TOO_LARGE').toWire() });
  }
  socket.setTimeout(UNREAD_MS);
  await new Promise<void>((sent) => {
    socket.once('close', () => sent());
    socket.end(`${text}\n`, () => sent());
    // Whoever sent too much is still sending.
    socket.resume();
  });
}

async function answerTo(line: string, run: RunOperation, log: Log): Promise<Answer> {
  let request: { op?: unknown; input?: unknown };
  try {
    request = (JSON.parse(line) ?? {}) as typeof request;
  } catch {
    throw new BongsuError('VALIDATION_ERROR');
  }
  const { op, input } = request;
  if (typeof op !== 'string') throw new BongsuError('VALIDATION_ERROR');
  log.info({ op }, 'asked over the control socket');
  return { ok: true, result: await run(op, input) };
}

function wireError(error: unknown, log: Log): WireError {
  if (error instanceof BongsuError) return error.toWire();
  log.error({ err: error }, 'an operation of the control socket failed');
  return new BongsuError('INTERNAL_ERROR').toWire();
}

/** Up to the first newline; undefined when the other side went before it. @throws PAYLOAD_TOO_LARGE */
function readLine(socket: Socket, maxBytes: number): Promise<string | undefined> {
  return new Promise((done, failed) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      bytes += end < 0 ? chunk.length : end;
      if (end < 0 && bytes <= maxBytes) return;
      socket.off('data', onData);
      if (bytes > maxBytes) failed(new BongsuError('PAYLOAD_TOO_LARGE'));
      else done(Buffer.concat(chunks).toString());
    };
    socket.on('data', onData);
    socket.on('close', () => done(undefined));
    socket.on('error', failed);
  });
}

/** Whether somebody answers there. */
export async function isListening(path: string): Promise<boolean> {
  const socket = createConnection(path);
  const isThere = await new Promise<boolean>((done) => {
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
  socket.destroy();
  return isThere;
}

/**
 * Asks a running server.
 * @throws BongsuError as the operation threw it there; ErrnoException when nobody listens
 */
export async function askControl(path: string, op: string, input: unknown): Promise<unknown> {
  const socket = createConnection(path);
  try {
    await new Promise<void>((connected, failed) => {
      socket.once('connect', connected);
      socket.once('error', failed);
    });
    const line = readLine(socket, MAX_ANSWER_BYTES);
    socket.write(`${JSON.stringify({ op, input })}\n`);
    const text = await line;
    if (text === undefined) throw new Error('The server closed the control socket without an answer');
    const answer = JSON.parse(text) as Answer;
    if (answer.ok) return answer.result;
    throw errorOf(answer.error);
  } finally {
    socket.destroy();
  }
}

function errorOf(error: WireError | undefined): BongsuError {
  const code: ErrorCode = error && error.code in ERRORS ? error.code : 'INTERNAL_ERROR';
  return new BongsuError(code, {
    details: error?.details,
    ...(error?.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}
