import type { Entry } from '@bongsu/protocol';
import type { LinkState } from '../../api/live.js';
import type { Problem } from '../../api/problem.js';

/** One executed command, as this window shows it. */
export interface Received {
  entry: Entry;
  /** By this machine's clock. */
  at: number;
}

export interface ScreenModel {
  /** `standby`: another window of this browser is the screen. */
  phase: 'starting' | 'standby' | 'pairing' | 'paired';
  link: LinkState;
  /** What to type in the console, while pairing. */
  code: string | undefined;
  /** Newest first, the last few. */
  received: Received[];
  /** Where the last navigate went; a page stays until the next one. */
  url: string | undefined;
  /** What keeps it from working, and will not pass by itself. */
  problem: Problem | undefined;
}

export type ScreenNews =
  | { type: 'code'; code: string }
  | { type: 'paired' }
  | { type: 'unpaired' }
  | { type: 'standby' }
  | { type: 'link'; link: LinkState }
  | { type: 'entry'; entry: Entry; at: number }
  | { type: 'problem'; problem: Problem | undefined };

const MAX_RECEIVED = 30;

export const STARTING: ScreenModel = {
  phase: 'starting',
  link: 'connecting',
  code: undefined,
  received: [],
  url: undefined,
  problem: undefined,
};

export function learn(model: ScreenModel, news: ScreenNews): ScreenModel {
  switch (news.type) {
    case 'code':
      return { ...model, phase: 'pairing', code: news.code, problem: undefined };
    case 'paired':
      return { ...model, phase: 'paired', code: undefined, problem: undefined };
    case 'unpaired':
      return STARTING;
    case 'standby':
      return { ...STARTING, phase: 'standby' };
    case 'link':
      return { ...model, link: news.link };
    case 'entry':
      return receive(model, news);
    case 'problem':
      return { ...model, problem: news.problem };
  }
}

function receive(model: ScreenModel, { entry, at }: { entry: Entry; at: number }): ScreenModel {
  const received = [{ entry, at }, ...model.received].slice(0, MAX_RECEIVED);
  return entry.type === 'navigate' ? { ...model, received, url: entry.url } : { ...model, received };
}

export type Destination =
  | { kind: 'frame'; url: string }
  /** A path is for an app that was built on the SDK; this page has no such app. */
  | { kind: 'path'; url: string }
  /** A browser shows no http page inside an https one. */
  | { kind: 'insecure'; url: string };

/** How this page can show what a navigate asked for. `origin` is the page's own. */
export function destinationOf(url: string, origin: string): Destination {
  if (url.startsWith('/')) return { kind: 'path', url };
  const { protocol, origin: theirs } = new URL(url);
  if (theirs === origin) return { kind: 'path', url };
  if (protocol === 'http:' && origin.startsWith('https:')) return { kind: 'insecure', url };
  return { kind: 'frame', url };
}
