import { postgresConfig } from './app-config.js';
import type { Config } from './config.js';
import { openReplica } from './platform/database/postgres.js';
import { ReplicaReads, type ReplicaReadsDeps } from './platform/database/replica-reads.js';

/** Where pages are read: the replica that DATABASE_READ_URL names, else undefined. Needs nothing of it to start. */
export function openReads(
  config: Config,
  nodeName: string,
  deps: Omit<ReplicaReadsDeps, 'replica'>,
): ReplicaReads | undefined {
  const url = config.DATABASE_READ_URL?.reveal();
  if (url === undefined) return undefined;
  const reads = new ReplicaReads({
    ...deps,
    replica: openReplica(postgresConfig(config, url, nodeName), deps),
  });
  reads.start();
  return reads;
}
