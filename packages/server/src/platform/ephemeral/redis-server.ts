export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is, as REDIS_URL says it. */
export interface RedisServer {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** Of the server, of the sentinels, or of some nodes of the cluster: at least one. */
  readonly addresses: readonly RedisAddress[];
  /** The name of the primary, with sentinels. */
  readonly master?: string | undefined;
  readonly db: number;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls: boolean;
}

export interface RedisConfig {
  server: RedisServer;
  /** Begins every key and channel, so that several Bongsus can share one Redis. */
  prefix: string;
  /** Which one says where it is; REDIS_URL where it is left out. */
  setting?: string;
  /** A certificate (PEM) that signs the server's, besides those that the system trusts. */
  ca?: string | undefined;
}

/** For logs: without user and password. */
export function describeRedis({ kind, addresses, master }: RedisServer): string {
  const list = addresses.map(({ host, port }) => `${host}:${port}`).join(',');
  if (kind === 'single') return list;
  return kind === 'cluster' ? `the cluster at ${list}` : `"${master}" of the sentinels at ${list}`;
}
