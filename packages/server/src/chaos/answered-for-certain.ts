import type { ScreenRecord } from './history.js';

export interface Heard {
  /** Between its arrival and its answer. */
  tookMs: number;
}

interface Answered {
  id: string;
  seq: number;
  epoch: string;
  tookMs: number;
  later: Set<number>;
}

/**
 * Ids whose `executed` reached the server in its turn: more entries came behind it on that socket than fit in its window. A server
 * that died before it wrote the receipt down learns of it from the resume offset: a next connection that did not send one that far
 * makes it uncertain again.
 */
export function answeredForCertain(screens: readonly (readonly ScreenRecord[])[]): Map<string, Heard> {
  return new Map(screens.flatMap((records) => [...heardOf(records)]));
}

function heardOf(records: readonly ScreenRecord[]): Map<string, Heard> {
  const heard = new Map<string, Heard>();
  const windows = new Map<string, number>();
  const arrivals = new Map<number, { at: number; epoch: string }>();
  let unsure: Answered[] = [];
  let sinceOpen: Answered[] = [];
  let socket = '';
  for (const record of records) {
    if (record.kind === 'open') {
      windows.set(record.socket, record.window);
      for (const each of sinceOpen) if (!isResumed(record, each)) heard.delete(each.id);
      sinceOpen = [];
    }
    if (record.kind !== 'got' && record.kind !== 'answer') continue;
    if (record.socket !== socket) {
      socket = record.socket;
      unsure = [];
      arrivals.clear();
    }
    const { id, seq, at } = record;
    if (record.kind === 'answer') {
      const arrival = arrivals.get(seq);
      if (record.status !== 'executed' || !arrival) continue;
      unsure.push({ id, seq, epoch: arrival.epoch, tookMs: at - arrival.at, later: new Set() });
      continue;
    }
    arrivals.set(seq, record);
    const window = windows.get(socket) ?? 1;
    for (const each of unsure) if (seq > each.seq) each.later.add(seq);
    for (const each of unsure.filter(({ later }) => later.size >= window)) {
      heard.set(each.id, { tookMs: each.tookMs });
      sinceOpen.push(each);
    }
    unsure = unsure.filter(({ later }) => later.size < window);
  }
  return heard;
}

function isResumed(
  { epoch, resumeEpoch, resumeSeq = 0 }: Extract<ScreenRecord, { kind: 'open' }>,
  entry: Answered,
): boolean {
  return epoch === entry.epoch && resumeEpoch === entry.epoch && resumeSeq >= entry.seq;
}
