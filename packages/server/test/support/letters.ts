import { randomUUID } from 'node:crypto';
import type { DeadReason } from '@bongsu/protocol';
import type { Database } from '../../src/platform/database/database.js';
import { SENDER } from './commands.js';

export interface PlantedLetter {
  id: string;
  screenId: string;
  commandId: string;
  seq: number;
}

export interface LetterFields {
  id?: string;
  commandId?: string;
  seq?: number;
  senderId?: string;
  type?: 'trigger' | 'navigate';
  payload?: object;
  reason?: DeadReason;
  error?: string | null;
  attempts?: number;
  at?: number;
  firstId?: string;
  requeuedAs?: string | null;
}

let places = 0;

/** A letter as the ledger would have written it, without what led to it. */
export async function plantLetter(
  database: Database,
  screenId: string,
  fields: LetterFields = {},
): Promise<PlantedLetter> {
  places += 1;
  const { id = randomUUID(), commandId = randomUUID(), seq = places } = fields;
  await database.query(
    `insert into dead_letters (id, screen_id, stream_id, seq, command_id, sender_id, type, payload, reason, error, attempts, at,
       first_id, requeued_as)
     values ($1, $2, coalesce((select id from streams where kind = 'screen' and name = $2), 0), $3, $4, $5, $6, $7, $8, $9, $10,
       $11, $12, $13)`,
    [
      id,
      screenId,
      seq,
      commandId,
      fields.senderId ?? SENDER,
      fields.type ?? 'trigger',
      JSON.stringify(fields.payload ?? { action: 'show' }),
      fields.reason ?? 'rejected',
      fields.error ?? null,
      fields.attempts ?? 1,
      fields.at ?? 1_700_000_000_000 + places,
      fields.firstId ?? commandId,
      fields.requeuedAs ?? null,
    ],
  );
  return { id, screenId, commandId, seq };
}
