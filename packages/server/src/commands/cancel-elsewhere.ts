import type { DatabaseClock } from '../platform/clock.js';
import type { NodeCalls } from '../platform/ephemeral/node-calls.js';
import { cancelEach } from './cancel.js';
import type { DeliveryPlace } from './command-list-store.js';
import type { CancelDelivery, Cancellation } from './types.js';

export interface CancelElsewhereDeps {
  calls: Pick<NodeCalls, 'serve' | 'ask'>;
  databaseClock: DatabaseClock;
  /** The living process that holds each of these screens, by its incarnation; those that nobody holds are left out. */
  holdersOf(screenIds: readonly string[], at: number): Promise<ReadonlyMap<string, string>>;
  /** For the screens of this process. */
  cancel: CancelDelivery;
}

const CALL = 'cancel-entries';

/** Passes entries on to the nodes that hold their screens, and does as much for the others. */
export function passCancels({
  calls,
  databaseClock,
  holdersOf,
  cancel,
}: CancelElsewhereDeps): (places: readonly DeliveryPlace[]) => Promise<Cancellation[]> {
  calls.serve(CALL, (places) => cancelEach(cancel, places as DeliveryPlace[]));

  return async (places) => {
    const holders = await holdersOf(
      places.map(({ screenId }) => screenId),
      databaseClock(),
    );
    const asked = [...new Set(places.map(({ screenId }) => holders.get(screenId)))].map((holder) =>
      ask(
        holder,
        places.filter(({ screenId }) => holders.get(screenId) === holder),
      ),
    );
    return (await Promise.all(asked)).flat();
  };

  /** `elsewhere`: it did not answer, or nobody holds the screen any more. Another try may find it. */
  async function ask(holder: string | undefined, places: readonly DeliveryPlace[]): Promise<Cancellation[]> {
    if (holder === undefined) return ['elsewhere'];
    const { answers } = await calls.ask<Cancellation[]>(CALL, places, [holder]);
    return answers.get(holder) ?? ['elsewhere'];
  }
}
