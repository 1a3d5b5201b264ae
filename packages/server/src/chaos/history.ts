import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** CLOCK_MONOTONIC in milliseconds: one clock for all processes of a machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

interface At {
  at: number;
}
type Sent = { id: string; screen: string; transmission: string };
type Arrived = { screen: string; socket: string; id: string; stream: string; seq: number };

export type Expectation = 'accepted' | 'refused';

/** What controllers write down. */
export type ControllerEvent =
  /** A command of a steady load came into being, also while nobody is connected; it was due then, however late this is written. */
  | { kind: 'wanted'; id: string; dueAt: number }
  /** The socket of somebody is usable; it is not any more. */
  | { kind: 'ready'; who: string }
  | { kind: 'away'; who: string }
  /** One transmission of a command, and what must become of it. */
  | ({ kind: 'invoke'; type: 'trigger' | 'navigate'; display: number; expect: Expectation } & Sent)
  | {
      kind: 'ok';
      id: string;
      transmission: string;
      stream: string;
      seq: number;
      epoch: string;
      acceptedAt: number;
      duplicate: boolean;
    }
  | { kind: 'fail'; id: string; transmission: string; code: string; retryable: boolean }
  /** The connection went before an answer came: it may or may not be accepted. */
  | { kind: 'info'; id: string }
  /** What the server answered to an accepted id with other content. */
  | { kind: 'conflict'; id: string; code: string }
  /** `command-status`. */
  | { kind: 'told'; id: string; screen: string; status: string; attempt: number }
  /** A dead letter was sent again as this command, says an answer. */
  | { kind: 'requeue'; id: string; letter: string }
  /** DELETE /commands/:id, answered with this HTTP status. */
  | { kind: 'cancel'; id: string; outcome: string };

/** What screens write down, each in its own file. */
export type ScreenEvent =
  | { kind: 'boot'; screen: string; policy: 'at-least-once' | 'at-most-once' }
  | {
      kind: 'open';
      screen: string;
      socket: string;
      epoch: string;
      recovered: boolean;
      /** How many entries it may be sent before it answers one, as announced. */
      window: number;
      /** The resume offset that was sent, if one was. */
      resumeEpoch?: string;
      resumeSeq?: number;
    }
  | ({ kind: 'got'; prev: number; attempt: number; epoch: string } & Arrived)
  /** The effect begins; `done`: its place is stored. */
  | { kind: 'run'; screen: string; id: string; stream: string; seq: number; epoch: string; attempt: number }
  | { kind: 'done'; screen: string; id: string; seq: number }
  /** A receipt that was sent. */
  | ({ kind: 'answer'; status: 'executed' | 'failed'; retryable: boolean } & Arrived)
  | { kind: 'shut'; screen: string; socket: string };

export type Written<Event> = Event & At;
export type ControllerRecord = Written<ControllerEvent>;
export type ScreenRecord = Written<ScreenEvent>;

export interface HistoryWriter<Event> {
  write(event: Event): void;
  close(): void;
}

/** An append-only file of JSON lines. Written at once, so that what stands in it has happened. */
export function historyWriter<Event>(path: string): HistoryWriter<Event> {
  const file = openSync(path, 'a');
  return {
    write: (event) => void writeSync(file, `${JSON.stringify({ ...event, at: monotonicMs() })}\n`),
    close: () => closeSync(file),
  };
}

/** Reads what was written since the last call. */
export class HistoryReader<Record> {
  readonly #path: string;
  #offset = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  read(): Record[] {
    let file: number;
    try {
      file = openSync(this.#path, 'r');
    } catch {
      return [];
    }
    const chunk = Buffer.alloc(1 << 20);
    let text = this.#rest;
    try {
      for (;;) {
        const length = readSync(file, chunk, 0, chunk.length, this.#offset);
        if (length === 0) break;
        this.#offset += length;
        text += chunk.toString('latin1', 0, length);
      }
    } finally {
      closeSync(file);
    }
    const lines = text.split('\n');
    // A process that was killed may leave half a line, which the next process of the file ends.
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => parseLine<Record>(line));
  }
}

function parseLine<Record>(line: string): Record[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Record];
  } catch {
    return [];
  }
}
