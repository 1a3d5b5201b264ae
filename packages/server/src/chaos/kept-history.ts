import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { History } from './checker.js';
import { type ControllerRecord, HistoryReader, type ScreenRecord } from './history.js';

/** What a history has from the server, and not from its survivors. */
export type ServersWord = Required<Omit<History, 'controllers' | 'screens'>>;

const FILE = 'server.json';

/** Beside the histories, so that these can be judged again. */
export function keepServersWord(folder: string, word: ServersWord): void {
  const { said, saidBefore, requeued, facts } = word;
  const maps = { said: [...said], saidBefore: [...saidBefore], requeued: [...requeued] };
  writeFileSync(join(folder, FILE), JSON.stringify({ ...maps, facts }));
}

/** A folder that a session left. */
export function readHistory(folder: string): History {
  const { said, saidBefore, requeued, facts } = JSON.parse(readFileSync(join(folder, FILE), 'utf8'));
  const read = <Record>(name: string) => new HistoryReader<Record>(join(folder, name)).read();
  return {
    controllers: ['controllers', 'requeues'].flatMap((name) => read<ControllerRecord>(name)),
    screens: readdirSync(folder)
      .filter((name) => name.startsWith('screen-'))
      .map((name) => read<ScreenRecord>(name)),
    said: new Map(said),
    saidBefore: new Map(saidBefore),
    requeued: new Map(requeued),
    facts,
  };
}
