interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** The Network Information API: Chromium on the desktop has it without `type`, Firefox and Safari have none. */
interface NetworkInformation extends EventSource {
  type?: string;
}

/** Calls `listener` when the way to the network may be another one. Does nothing outside browsers. Returns what stops it. */
export function onNetworkChange(listener: () => void): () => void {
  const { window, navigator } = globalThis as {
    window?: EventSource;
    navigator?: { connection?: NetworkInformation };
  };
  const connection = navigator?.connection;
  let type = connection?.type;
  // `change` tells of new estimates of the bandwidth, too; after `none` comes `online`.
  const onChange = () => {
    const now = connection?.type;
    if (now === type || now === 'none') return;
    type = now;
    listener();
  };
  window?.addEventListener?.('online', listener);
  connection?.addEventListener?.('change', onChange);
  return () => {
    window?.removeEventListener?.('online', listener);
    connection?.removeEventListener?.('change', onChange);
  };
}
