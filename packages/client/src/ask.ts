import { type Ack, BongsuError } from '@bongsu/protocol';
import type { Clock } from './clock.js';
import type { Link } from './connection.js';
import { errorFromWire } from './errors.js';

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * One question over a link, asked by `emit`: its answer, or a throw of the refusal. UNAVAILABLE when the link
 * ends first or 15 s pass.
 */
export function ask<T>(clock: Clock, link: Link, emit: (ack: Ack<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      settle();
      reject(new BongsuError('UNAVAILABLE'));
    };
    const settle = () => {
      cancel();
      link.off('disconnect', giveUp);
    };
    const cancel = clock.after(ANSWER_TIMEOUT_MS, giveUp);
    link.on('disconnect', giveUp);
    emit((answer) => {
      settle();
      if (answer.success) resolve(answer);
      else reject(errorFromWire(answer.error) ?? new BongsuError('INTERNAL_ERROR'));
    });
  });
}
