import type { Screen } from '@bongsu/protocol';
import { useScreens } from './queries.js';

/** The screens by id; one that was deleted, or is not the user's, is not among them. */
export function useScreensById(): ReadonlyMap<string, Screen> {
  const { data = [] } = useScreens();
  return new Map(data.map((screen) => [screen.screenId, screen]));
}
