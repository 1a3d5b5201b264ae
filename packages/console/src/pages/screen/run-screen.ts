import { indexedDbStore, type ScreenStateChange, screen } from '@bongsu/client';
import type { Entry } from '@bongsu/protocol';
import { toProblem } from '../../api/problem.js';
import type { ScreenNews } from './screen-model.js';

export interface RunningScreen {
  close(): Promise<void>;
  /** Closes, and forgets that this browser was paired, and what it ran. */
  forget(): Promise<void>;
}

/** `?name=` lets one browser be several screens, each with a credential of its own. */
function screenName(search: string): string {
  return new URLSearchParams(search).get('name') || 'screen';
}

/** Runs this window as a screen and tells what happens. */
export function runScreen(tell: (news: ScreenNews) => void): RunningScreen {
  const show = (entry: Entry) => tell({ type: 'entry', entry, at: Date.now() });
  const running = screen({
    url: location.origin,
    store: indexedDbStore(screenName(location.search)),
    onCode: ({ code }) => tell({ type: 'code', code }),
    onTrigger: show,
    onNavigate: show,
  });
  let closing = false;
  running.on('state', (change) => {
    if (!closing) for (const news of newsOf(change)) tell(news);
  });
  return {
    close: async () => {
      closing = true;
      await running.close();
    },
    forget: async () => {
      closing = true;
      await running.forget();
    },
  };
}

function newsOf({ state, error }: ScreenStateChange): ScreenNews[] {
  switch (state) {
    case 'pairing':
      // The code follows as soon as the server has given one.
      return [{ type: 'unpaired' }];
    case 'standby':
      return [{ type: 'standby' }];
    case 'closed':
      return error ? [{ type: 'problem', problem: toProblem(error) }] : [];
    default:
      return [{ type: 'paired' }, { type: 'link', link: state }];
  }
}
