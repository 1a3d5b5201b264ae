interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Calls `listener` when the way to the network may be another one. Does nothing outside browsers. Returns what stops it. */
export function onNetworkChange(listener: () => void): () => void {
  const { window, navigator } = globalThis as {
    window?: EventSource;
    navigator?: { connection?: EventSource };
  };
  const connection = navigator?.connection;
  window?.addEventListener?.('online', listener);
  connection?.addEventListener?.('change', listener);
  return () => {
    window?.removeEventListener?.('online', listener);
    connection?.removeEventListener?.('change', listener);
  };
}
