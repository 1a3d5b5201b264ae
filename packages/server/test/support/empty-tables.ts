import type { Database } from '../../src/platform/database/database.js';

/** The statements for a list of tables: the schema is the same in every suite. */
const written = new Map<string, string>();

/**
 * Removes all rows of these tables and of those that refer to them, and has their numbers begin anew. TRUNCATE gives each table
 * and each index a new file, which on PGlite takes ten times the CPU of removing the few rows of a test.
 */
export async function emptyTables(database: Database, ...tables: string[]): Promise<void> {
  const names = tables.join(', ');
  if (database.kind === 'postgres') return database.exec(`truncate ${names} restart identity cascade`);
  const text = written.get(names) ?? (await writeDeletes(database, tables));
  written.set(names, text);
  await database.exec(text);
}

async function writeDeletes(database: Database, tables: string[]): Promise<string> {
  const steps = await database.query<{ step: string }>(
    `with recursive emptied as (
       select name::regclass::oid as id from unnest($1::text[]) as name
       union
       select conrelid from pg_constraint join emptied on confrelid = id where contype = 'f'
     )
     select format('delete from %s', id::regclass) as step from emptied
     union all
     select format('select setval(%L, %s, false)', seqrelid::regclass, seqstart)
     from pg_sequence join pg_depend on objid = seqrelid and classid = 'pg_class'::regclass
     where refobjid in (select id from emptied)`,
    [tables],
  );
  // Foreign keys are not looked at: their tables are all in here, in any order.
  return [
    'begin',
    'set local session_replication_role = replica',
    ...steps.map(({ step }) => step),
    'commit',
  ].join(';\n');
}
