/** What survives a restart of a device. */
export interface StoredTokens {
  refreshToken: string;
  accessToken: string;
  /** Milliseconds since 1970 by this machine. */
  expiresAt: number;
}

/**
 * Where a login is kept. `save` must be durable when it resolves: the refresh token before it is already spent.
 * Browsers with a signed-in person need none of this: they use the manager's cookie mode.
 */
export interface TokenStorage {
  /** Managers of one name, in any tab, share one login and one refresh flight. Absent: not shared. */
  readonly name?: string;
  load(): Promise<StoredTokens | undefined>;
  save(tokens: StoredTokens): Promise<void>;
  clear(): Promise<void>;
}

/** Keeps a login for as long as the process lives. */
export function memoryTokenStorage(tokens?: StoredTokens): TokenStorage {
  let stored = tokens;
  return {
    load: async () => stored,
    save: async (next) => {
      stored = next;
    },
    clear: async () => {
      stored = undefined;
    },
  };
}
