import type { Database } from '../platform/database/database.js';

export type StreamKind = 'screen' | 'room';

export interface RisenFloor {
  streamId: number;
  floor: number;
  /** As many entries as were looked at may go: there may be more. */
  more: boolean;
}

const STATEMENT_TIMEOUT_MS = 10_000;

/** Each method is one statement that removes or looks at `rows` at most, a room command's references to all its inboxes counted as one. */
export class RetentionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The next streams by id. */
  async streams(kind: StreamKind, after: number, limit: number): Promise<number[]> {
    const rows = await this.#query<{ id: number }>(
      'select id from streams where kind = $1 and id > $2 order by id limit $3',
      [kind, after, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** @param until what ended then or before may go */
  inboxFloors(streams: readonly number[], rowsEach: number, until: number): Promise<RisenFloor[]> {
    return this.#query('select stream_id as "streamId", floor, more from inbox_floors($1,$2,$3)', [
      streams,
      rowsEach,
      until,
    ]);
  }

  /** @param until what was accepted then or before is history no more, and whatever is older than the newest `keep` */
  roomFloors(
    streams: readonly number[],
    rowsEach: number,
    until: number,
    keep: number,
  ): Promise<RisenFloor[]> {
    return this.#query('select stream_id as "streamId", floor, more from room_floors($1,$2,$3,$4)', [
      streams,
      rowsEach,
      until,
      keep,
    ]);
  }

  /** Answers the streams whose floors rose: those that somebody holds just now are left out. */
  async raiseFloors(risen: readonly RisenFloor[]): Promise<number[]> {
    const rows = await this.#query<{ id: number }>('select raise_floors as id from raise_floors($1,$2)', [
      risen.map(({ streamId }) => streamId),
      risen.map(({ floor }) => floor),
    ]);
    return rows.map(({ id }) => id);
  }

  async pruneInboxes(streams: readonly number[], rows: number, until: number) {
    return this.#one<{ commands: number; deliveries: number }>(
      'select commands, deliveries from prune_inboxes($1,$2,$3)',
      [streams, rows, until],
    );
  }

  async pruneReferences(rooms: readonly number[], rows: number) {
    return this.#one<{ references: number; deliveries: number }>(
      'select "references", deliveries from prune_references($1,$2)',
      [rooms, rows],
    );
  }

  async pruneRooms(rooms: readonly number[], rows: number, until: number) {
    return this.#one<{ commands: number }>('select commands from prune_rooms($1,$2,$3)', [
      rooms,
      rows,
      until,
    ]);
  }

  async pruneDeadLetters(rows: number, until: number): Promise<number> {
    const gone = await this.#query(
      `delete from dead_letters where id in (
         select id from dead_letters where at <= $1 order by at limit $2 for update skip locked
       ) returning 1`,
      [until, rows],
    );
    return gone.length;
  }

  async pruneIdempotency(rows: number, now: number): Promise<number> {
    const gone = await this.#query(
      `delete from idempotency where (scope, key) in (
         select scope, key from idempotency where expires_at <= $1 order by expires_at limit $2 for update skip locked
       ) returning 1`,
      [now, rows],
    );
    return gone.length;
  }

  #query<Row extends object>(text: string, parameters: Parameters<Database['query']>[1]): Promise<Row[]> {
    return this.#database.query<Row>(text, parameters, { timeoutMs: STATEMENT_TIMEOUT_MS });
  }

  async #one<Row extends object>(text: string, parameters: Parameters<Database['query']>[1]): Promise<Row> {
    const [row] = await this.#query<Row>(text, parameters);
    if (!row) throw new Error('A function of retention answered nothing');
    return row;
  }
}
