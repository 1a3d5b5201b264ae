import { type Ack, BongsuError } from '@bongsu/protocol';
import { ask } from './ask.js';
import { jittered, reconnectDelayMs } from './backoff.js';
import type { Clock } from './clock.js';
import type { Link } from './connection.js';
import { toBongsuError } from './errors.js';
import type { RoomDeps } from './room-deps.js';

/** Asks for something once. @throws BongsuError of the server; UNAVAILABLE without a link, or when it ends */
export async function askOnce(
  clock: Clock,
  link: Link | undefined,
  emit: (link: Link, ack: Ack<object>) => void,
): Promise<void> {
  if (!link) throw new BongsuError('UNAVAILABLE');
  await ask<object>(clock, link, (ack) => emit(link, ack)).catch((error: unknown) => {
    throw toBongsuError(error);
  });
}

/** Says that we leave until the server has heard it: a seat lasts as long as its socket. `isOver`: nobody need hear it any more. */
export async function tellLeave(
  { clock, random }: Pick<RoomDeps, 'clock' | 'random'>,
  link: Link,
  roomId: string,
  isOver: () => boolean,
): Promise<void> {
  for (let tries = 0; !isOver(); tries += 1) {
    try {
      await ask<object>(clock, link, (ack) => link.emit('leave-room', { roomId }, ack));
      return;
    } catch (error) {
      const { retryable, retryAfterMs = 0 } = toBongsuError(error);
      if (!retryable || isOver()) return;
      await pause(clock, link, retryAfterMs + jittered(reconnectDelayMs(tries), random()));
    }
  }
}

/** Over sooner when the link is. */
function pause(clock: Clock, link: Link, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      cancel();
      link.off('disconnect', settle);
      resolve();
    };
    const cancel = clock.after(delayMs, settle);
    link.on('disconnect', settle);
  });
}
