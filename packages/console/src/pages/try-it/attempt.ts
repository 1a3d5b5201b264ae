import type { CommandState } from '@bongsu/protocol';
import type { Draft } from '../../api/live.js';
import type { Problem } from '../../api/problem.js';

/** One press of a button on the Try it page, and what became of it. Times are milliseconds after the press. */
export interface Attempt {
  key: number;
  draft: Draft;
  screenName: string;
  /** Wall clock, for people. */
  pressedAt: number;
  accepted?: { id: string; seq: number; duplicate: boolean; afterMs: number };
  ended?: { status: Exclude<CommandState, 'accepted'>; why: string | undefined; afterMs: number };
  problem?: Problem;
}

type StopState = 'lit' | 'next' | 'dark' | 'out';

export interface Stop {
  name: 'sent' | 'accepted' | 'ended';
  state: StopState;
  /** Since the press. */
  afterMs?: number;
  /** Since the stop before. */
  tookMs?: number;
}

/**
 * The three beacons of an attempt. `next` is the one that is waited for, `out` one that will never burn: the
 * command was refused, or it ended other than by being executed.
 */
export function stopsOf({ accepted, ended, problem }: Attempt): Stop[] {
  const sent: Stop = { name: 'sent', state: 'lit', afterMs: 0 };
  if (!accepted) {
    return [
      sent,
      { name: 'accepted', state: problem ? 'out' : 'next' },
      { name: 'ended', state: problem ? 'out' : 'dark' },
    ];
  }
  const second: Stop = {
    name: 'accepted',
    state: 'lit',
    afterMs: accepted.afterMs,
    tookMs: accepted.afterMs,
  };
  // The stored answer of the first one came back; nothing more will happen for this press.
  if (accepted.duplicate) return [sent, second];
  return [sent, second, lastStop(accepted.afterMs, ended)];
}

function lastStop(acceptedMs: number, ended: Attempt['ended']): Stop {
  if (!ended) return { name: 'ended', state: 'next' };
  return {
    name: 'ended',
    state: ended.status === 'executed' ? 'lit' : 'out',
    afterMs: ended.afterMs,
    // A screen may be quicker than its sender's ack: then the two came together.
    tookMs: Math.max(0, ended.afterMs - acceptedMs),
  };
}
