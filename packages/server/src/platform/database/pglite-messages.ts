/** Between pglite-host.ts and pglite-worker.ts. Bytes are PostgreSQL's protocol as it is, whole messages each. */
export type ToWorker = Uint8Array | 'close';
export type FromWorker = Uint8Array | 'ready' | 'closed';

export interface PgliteWorkerData {
  /** Folder of the cluster, made before. */
  cluster: string;
  throwAway: boolean;
}
