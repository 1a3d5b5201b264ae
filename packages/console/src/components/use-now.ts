import { useEffect, useState } from 'react';

/** What a clock says, read again every `tickMs`. */
export function useNow(tickMs: number, clock: () => number = Date.now): number {
  const [now, setNow] = useState(clock);
  useEffect(() => {
    const timer = setInterval(() => setNow(clock()), tickMs);
    return () => clearInterval(timer);
  }, [tickMs, clock]);
  return now;
}
