import { useNow } from '../components/use-now.js';
import { useServices } from './services.js';

/** The server's clock, by which it stamps everything; a device whose clock is wrong still shows the right distance. */
export function useServerNow(tickMs: number): number {
  const { live } = useServices();
  return useNow(tickMs, live.now);
}
