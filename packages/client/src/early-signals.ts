import type { SignalEvent } from '@bongsu/protocol';

/** What one participant told of the negotiation that they opened last. */
interface Kept {
  negotiationId: string;
  signals: SignalEvent[];
  size: number;
}

/** Of one sender: as many as the server keeps for a seat within its grace, and in characters. */
const MAX_SIGNALS = 64;
const MAX_SIZE = 128 * 1024;
/** Of all, in characters; those who began first give way. */
const MAX_TOTAL_SIZE = 4 * 1024 * 1024;

/**
 * Signals that come before there are peers to take them. Of each sender only the last offer and its candidates: nothing else can still be
 * answered by whoever has offered nothing.
 */
export class EarlySignals {
  private readonly kept = new Map<string, Kept>();

  push(signal: SignalEvent): void {
    const { from, negotiationId, description, candidate } = signal;
    const size = JSON.stringify(signal).length;
    const kept = this.kept.get(from);
    if (description?.type === 'offer') {
      this.kept.delete(from);
      this.kept.set(from, { negotiationId, signals: [signal], size });
    } else if (candidate !== undefined && kept?.negotiationId === negotiationId) {
      if (kept.signals.length >= MAX_SIGNALS || kept.size + size > MAX_SIZE) return;
      kept.signals.push(signal);
      kept.size += size;
    }
    this.shrink();
  }

  /** All that is kept, in the order of each sender. */
  take(): SignalEvent[] {
    const signals = [...this.kept.values()].flatMap((kept) => kept.signals);
    this.clear();
    return signals;
  }

  drop(from: string): void {
    this.kept.delete(from);
  }

  clear(): void {
    this.kept.clear();
  }

  private shrink(): void {
    let total = 0;
    for (const { size } of this.kept.values()) total += size;
    for (const [from, { size }] of this.kept) {
      if (total <= MAX_TOTAL_SIZE) return;
      total -= size;
      this.kept.delete(from);
    }
  }
}
