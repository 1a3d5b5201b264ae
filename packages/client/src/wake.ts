interface EventSource {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/**
 * Calls `listener` when the network comes back or a page is shown again (a laptop was opened, a tab chosen).
 * Does nothing outside browsers. Returns the function that stops it.
 */
export function onWake(listener: () => void): () => void {
  const { window, document } = globalThis as {
    window?: EventSource;
    document?: EventSource & { hidden: boolean };
  };
  const onShow = () => {
    if (!document?.hidden) listener();
  };
  window?.addEventListener?.('online', listener);
  document?.addEventListener?.('visibilitychange', onShow);
  return () => {
    window?.removeEventListener?.('online', listener);
    document?.removeEventListener?.('visibilitychange', onShow);
  };
}
