import type { Metrics } from '../platform/metrics.js';
import type { SignalKind } from './plain-events.js';

const KINDS: readonly SignalKind[] = ['offer', 'answer', 'candidate', 'restart'];
/** `waiting`: for whoever reconnects. `unheard`: a restart, which plain events cannot say. */
const OUTCOMES = ['relayed', 'waiting', 'stale', 'unheard', 'refused'] as const;
export type SignalOutcome = (typeof OUTCOMES)[number];

export interface SignalCounts {
  signals(kind: SignalKind, outcome: SignalOutcome): void;
  glare(): void;
  stale(): void;
  bytes(count: number): void;
  lost(): void;
}

export function signalCounts(metrics: Pick<Metrics, 'counter' | 'tally'>): SignalCounts {
  const signals = metrics.counter('bongsu_signals_total', 'Signals by what became of them', [
    'kind',
    'outcome',
  ]);
  const tallies = perKind((kind) => perOutcome((outcome) => metrics.tally(signals, { kind, outcome })));
  const counter = (name: string, help: string) => metrics.tally(metrics.counter(name, help), {});
  return {
    signals: (kind, outcome) => tallies[kind][outcome](),
    glare: counter('bongsu_signal_glares_total', 'Pairs of offers that crossed'),
    stale: counter('bongsu_signals_stale_total', 'Signals of negotiations that were over'),
    bytes: counter('bongsu_signal_bytes_total', 'Session descriptions and candidates that were relayed'),
    lost: counter(
      'bongsu_signals_lost_total',
      'Signals of other nodes whose target could not take them any more',
    ),
  };
}

function perKind<T>(make: (kind: SignalKind) => T): Record<SignalKind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, make(kind)])) as Record<SignalKind, T>;
}

function perOutcome<T>(make: (outcome: SignalOutcome) => T): Record<SignalOutcome, T> {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, make(outcome)])) as Record<SignalOutcome, T>;
}
