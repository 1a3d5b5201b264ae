/**
 * Names of keys and of the channel. What stands in braces decides the node of a cluster, and is never empty: so both keys of a group are
 * together, whatever its name holds.
 */
export class RedisKeys {
  /** Of the bus. */
  readonly channel: string;
  /** Holds the name of the store: another one, or none, says that what was stored is gone. */
  readonly store: string;
  /** To try whether writing is allowed. */
  readonly trial: string;

  /** Who carries between this region and home. */
  readonly bridge: string;
  /** The stream of pushes to sockets of other nodes (gateway/other-nodes.ts). */
  readonly pushes: string;

  constructor(private readonly prefix: string) {
    this.channel = `${prefix}:bus`;
    this.store = `${prefix}:{store}`;
    this.trial = `${prefix}:{trial}`;
    this.bridge = `${prefix}:{bridge}`;
    this.pushes = `${prefix}:pushes`;
  }

  /** At home: whose that name of a region is. */
  region(name: string): string {
    return `${this.prefix}:{region:${name}}`;
  }

  /** One key under two windows is two counters. */
  counter(key: string, windowMs: number): string {
    return `${this.prefix}:{c:${windowMs}:${key}}`;
  }

  value(key: string): string {
    return `${this.prefix}:{v:${key}}`;
  }

  /** A stream of copies, and which of its entries has which id. */
  mirror(name: string, group: string): [stream: string, ids: string] {
    const stream = `${this.prefix}:${name}:{${group}}`;
    return [stream, `${stream}:ids`];
  }

  mirrorGroups(name: string): string {
    return `${this.prefix}:{${name}:groups}`;
  }

  /** As long as it is there, nothing of the copies was lost. */
  mirrorMark(name: string): string {
    return `${this.prefix}:{${name}:mark}`;
  }

  /** As long as it is there, somebody compares the copies, or just did. */
  mirrorTurn(name: string): string {
    return `${this.prefix}:{${name}:turn}`;
  }

  /** By when they end, and their values. */
  members(group: string): [ends: string, values: string] {
    const tag = `${this.prefix}:{p:${group}}`;
    return [`${tag}:ends`, `${tag}:values`];
  }
}
