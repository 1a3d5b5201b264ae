import { useEffect, useEffectEvent, useState } from 'react';

const TICK_MS = 1000;

/** Milliseconds left of `waitMs` since `cause` came, then calls `onOver` once; undefined when there is no wait. */
export function useCountdown(
  cause: unknown,
  waitMs: number | undefined,
  onOver: () => void,
): number | undefined {
  const [leftMs, setLeftMs] = useState(waitMs);
  const over = useEffectEvent(onOver);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the next refusal may ask for as long a wait as this one
  useEffect(() => {
    setLeftMs(waitMs);
    if (waitMs === undefined) return;
    const until = Date.now() + waitMs;
    const ticks = setInterval(() => setLeftMs(Math.max(0, until - Date.now())), TICK_MS);
    const end = setTimeout(() => over(), waitMs);
    return () => {
      clearInterval(ticks);
      clearTimeout(end);
    };
  }, [cause, waitMs]);
  return waitMs === undefined ? undefined : leftMs;
}
