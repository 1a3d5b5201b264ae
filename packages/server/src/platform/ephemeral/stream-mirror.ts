/**
 * Copies of rows as streams of Redis, one a group, for whoever reads them there. SQL is the truth: what is lost is written again. Calls
 * reject while Redis is away.
 */
export interface StreamMirror {
  /** Appends what is not there yet: each id once, however often it is called. */
  append(group: string, entries: readonly MirrorEntry[]): Promise<void>;
  remove(group: string, ids: readonly string[]): Promise<void>;
  /** Those that have entries. */
  groups(): Promise<string[]>;
  /** By pages of about that size; one may come twice. */
  ids(group: string, aPage: number): AsyncIterable<string[]>;
  size(group: string): Promise<number>;
  /** True for one of all processes that ask within `ms`. */
  takeTurn(ms: number): Promise<boolean>;
  /** True until `begin` was called, and again when Redis lost what it had. */
  isLost(): Promise<boolean>;
  begin(): Promise<void>;
  /** Something is there to look at: Redis is back, or lost what it had. */
  onChange(listener: () => void): () => void;
}

export interface MirrorEntry {
  id: string;
  fields: Readonly<Record<string, string>>;
}
