import { useEffect } from 'react';

/** Keeps the display on while `wanted`. The lock ends whenever the window is hidden, so it is taken again. */
export function useWakeLock(wanted: boolean): void {
  useEffect(() => {
    if (!wanted || !('wakeLock' in navigator)) return;
    let lock: WakeLockSentinel | undefined;
    let ended = false;
    async function take() {
      if (document.visibilityState !== 'visible') return;
      // Refused on low battery or by policy: the screen then sleeps as the device is set to.
      const taken = await navigator.wakeLock.request('screen').catch(() => undefined);
      if (ended) await taken?.release();
      else lock = taken;
    }
    const onVisible = () => void take();
    document.addEventListener('visibilitychange', onVisible);
    void take();
    return () => {
      ended = true;
      document.removeEventListener('visibilitychange', onVisible);
      void lock?.release();
    };
  }, [wanted]);
}
