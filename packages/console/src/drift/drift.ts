import type { Screen } from '@bongsu/protocol';

/** A navigate needs a moment to arrive and to be answered; until then a difference means nothing. */
export const ON_ITS_WAY_MS = 10_000;

/**
 * `same`: it shows what it should, or nothing was asked for. `coming`: the difference is young. `away`: the screen is
 * offline and shows the page once it is back. `differs`: it is online and shows something else.
 */
export type DriftState = 'same' | 'coming' | 'away' | 'differs';

/** One display of a screen: the page it says it shows, and the page it should show. */
export interface ShownPage {
  displayIndex: number;
  state: DriftState;
  shows: { url: string; at: number } | undefined;
  should: { url: string; at: number } | undefined;
}

/** Every display that is known of, those that differ first. `now` is the server's clock. */
export function shownPages(
  { online, desired, reported }: Pick<Screen, 'online' | 'desired' | 'reported'>,
  now: number,
): ShownPage[] {
  const indexes = new Set([...Object.keys(desired), ...Object.keys(reported)].map(Number));
  const pages = [...indexes].map((displayIndex): ShownPage => {
    const shows = reported[displayIndex];
    const should = desired[displayIndex];
    const sinceMs = now - Math.max(shows?.at ?? 0, should?.at ?? 0);
    const same = !should || (shows !== undefined && samePage(shows.url, should.url));
    return { displayIndex, shows, should, state: same ? 'same' : stateOfDrift(online, sinceMs) };
  });
  const rank = ({ state }: ShownPage) => (state === 'differs' ? 0 : state === 'same' ? 2 : 1);
  return pages.sort((one, other) => rank(one) - rank(other) || one.displayIndex - other.displayIndex);
}

/** Since when a display differs: from then on it should have shown, or it went elsewhere by itself. */
export function differsSince({ shows, should }: ShownPage): number {
  return Math.max(should?.at ?? 0, shows?.at ?? 0);
}

function stateOfDrift(online: boolean, sinceMs: number): DriftState {
  if (!online) return 'away';
  return sinceMs < ON_ITS_WAY_MS ? 'coming' : 'differs';
}

/** Browsers add the slash after a host and write hosts small: that is the same page. */
function samePage(one: string, other: string): boolean {
  return one === other || normal(one) === normal(other);
}

function normal(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}
