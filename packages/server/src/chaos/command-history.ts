import type { ControllerRecord } from './history.js';

type Kind<Name extends ControllerRecord['kind']> = Extract<ControllerRecord, { kind: Name }>;
export type Ok = Kind<'ok'>;
export type Fail = Kind<'fail'>;
export type Invoke = Kind<'invoke'>;

/** All that its senders wrote down of one command. */
export interface CommandHistory {
  id: string;
  invokes: Invoke[];
  oks: Ok[];
  fails: Fail[];
  told: Kind<'told'>[];
  cancels: Kind<'cancel'>[];
  /** What copies with other content were answered, where that was no conflict. */
  conflicts: string[];
}

export function commandHistories(records: readonly ControllerRecord[]): Map<string, CommandHistory> {
  const commands = new Map<string, CommandHistory>();
  for (const record of records) {
    if (record.kind === 'ready' || record.kind === 'away') continue;
    let command = commands.get(record.id);
    if (!command) {
      command = { id: record.id, invokes: [], oks: [], fails: [], told: [], cancels: [], conflicts: [] };
      commands.set(record.id, command);
    }
    if (record.kind === 'invoke') command.invokes.push(record);
    if (record.kind === 'ok') command.oks.push(record);
    if (record.kind === 'fail') command.fails.push(record);
    if (record.kind === 'told') command.told.push(record);
    if (record.kind === 'cancel') command.cancels.push(record);
    if (record.kind === 'conflict' && record.code !== 'IDEMPOTENCY_CONFLICT')
      command.conflicts.push(record.code);
  }
  return commands;
}

/** When it was first seen. */
export const seenAt = ({ invokes, oks }: CommandHistory): number => invokes[0]?.at ?? oks[0]?.at ?? 0;
