/** Child process: makes a cluster in the folder of its first argument, then ends. Run by pglite-cluster.ts only. */
import { PGlite } from '@electric-sql/pglite';

const folder = process.argv[2];
if (!folder) throw new Error('No folder given');
const database = await PGlite.create({ dataDir: folder });
await database.close();
process.disconnect?.();
