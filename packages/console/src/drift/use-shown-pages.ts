import type { Screen } from '@bongsu/protocol';
import { useServerNow } from '../admin/use-server-now.js';
import { type ShownPage, shownPages } from './drift.js';

const TICK_MS = 5000;

export function useShownPages(screen: Screen): ShownPage[] {
  return shownPages(screen, useServerNow(TICK_MS));
}
