import { BongsuError } from '@bongsu/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { SignalNodes, type ToldByNode } from '../../test/support/signal-nodes.js';
import { answer, candidate, offer, restart } from '../../test/support/signal-room.js';

const [ONE, TWO, THREE] = [0, 1, 2];

let nodes: SignalNodes;
let told: Map<string, ToldByNode[]>;
let ann: string;
let ben: string;

beforeEach(async () => {
  told = new Map();
  nodes = new SignalNodes(3, (socketId, it) => told.set(socketId, [...(told.get(socketId) ?? []), it]));
  ann = join('ann', ONE);
  ben = join('ben', TWO);
  await hear();
});

function join(name: string, on: number, page = `page of ${name}`): string {
  const socketId = nodes.join(name, on, page);
  nodes.arrived(name);
  return socketId;
}

/** Everything on its way arrives. */
async function hear(): Promise<void> {
  do {
    while (nodes.bus.waiting > 0) nodes.bus.deliver(0);
    for (const on of [ONE, TWO, THREE]) nodes.answer(on);
    for (let n = 0; n < 10; n += 1) await undefined;
  } while (!nodes.isQuiet);
}

/** What a socket was signalled since it was last asked. */
function heard(socketId: string): string[] {
  const signals = (told.get(socketId) ?? []).flatMap((it) => ('from' in it ? [it] : []));
  told.delete(socketId);
  return signals.map(({ negotiationId, content }) => {
    if ('description' in content) return `${negotiationId} ${content.description.type}`;
    return 'candidate' in content ? `${negotiationId} ${content.candidate?.candidate}` : negotiationId;
  });
}

async function connect(id = 'n0'): Promise<void> {
  nodes.signal('ann', 'ben', id, offer());
  await hear();
  nodes.signal('ben', 'ann', id, answer());
  await hear();
  told.clear();
}

async function count(name: string): Promise<number[]> {
  const texts = await Promise.all(nodes.nodes.map(({ metrics }) => metrics.text()));
  return texts.map((text) => Number(text.match(new RegExp(`^${name} (\\d+)$`, 'm'))?.[1]));
}

function refusal(call: () => unknown): BongsuError | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof BongsuError) return error;
    throw error;
  }
  return undefined;
}

describe('signals between nodes', () => {
  it('[SIG7] [RM100] [RM110] arrive once and in order, given out by the node of their target alone', async () => {
    nodes.signal('ann', 'ben', 'n1', offer());
    for (const n of ['1', '2', '3']) nodes.signal('ann', 'ben', 'n1', candidate(n));
    await hear();
    expect(heard(ben)).toEqual(['n1 offer', 'n1 1', 'n1 2', 'n1 3']);
    expect(nodes.signal('ben', 'ann', 'n1', answer())).toEqual({ negotiationId: 'n1' });
    expect(nodes.signal('ben', 'ann', 'n0', candidate())).toEqual({ negotiationId: 'n0', stale: true });
    await hear();
    expect(heard(ann)).toEqual(['n1 answer']);
  });

  it('[SIG7] [RM104] [RM117] offers that cross between nodes both arrive, and count once', async () => {
    nodes.signal('ann', 'ben', 'a', offer());
    nodes.signal('ben', 'ann', 'b', offer());
    await hear();
    expect([heard(ann), heard(ben)]).toEqual([['b offer'], ['a offer']]);
    nodes.signal('ben', 'ann', 'a', answer());
    nodes.signal('ben', 'ann', 'b', candidate());
    await hear();
    expect(heard(ann)).toEqual(['a answer']);
    expect(await count('bongsu_signal_glares_total')).toEqual([1, 0, 0]);
  });

  it('[SIG7] [ND22] what was sent by who knew more of the room waits for that, with all that comes after it', async () => {
    const cat = join('cat', THREE);
    nodes.signal('cat', 'ben', 'n1', offer());
    nodes.signal('cat', 'ben', 'n1', candidate('1'));
    while (nodes.bus.waiting > 0) nodes.bus.deliver(0);
    await undefined;
    expect(heard(ben)).toEqual([]);
    await hear();
    expect(heard(ben)).toEqual(['n1 offer', 'n1 1']);
    expect(heard(cat)).toEqual([]);
  });

  it('[SIG7] [ND23] a call goes on when a seat comes to another node, and when it comes back there', async () => {
    join('cat', ONE);
    await connect();
    ann = join('ann', THREE);
    await hear();
    expect(nodes.signal('ann', 'ben', 'n0', restart)).toEqual({ negotiationId: 'n0' });
    await hear();
    expect(heard(ben)).toEqual(['n0']);
    await connect('n1');
    ann = join('ann', ONE);
    await hear();
    expect(nodes.signal('ann', 'ben', 'n1', candidate('1'))).toEqual({ negotiationId: 'n1' });
    nodes.signal('ben', 'ann', 'n1', candidate('2'));
    await hear();
    expect([heard(ben), heard(ann)]).toEqual([['n1 1'], ['n1 2']]);
  });

  it('[SIG7] [ND24] what was on its way to or from a socket that has the seat no more is over', async () => {
    await connect();
    nodes.signal('ann', 'ben', 'old', offer());
    const newer = join('ben', TWO, 'another page');
    ann = join('ann', THREE);
    await hear();
    expect([...heard(newer), ...heard(ben)]).toEqual([]);
    nodes.signal('ann', 'ben', 'new', offer());
    await hear();
    nodes.signal('ben', 'ann', 'new', answer());
    await hear();
    expect([heard(newer), heard(ann)]).toEqual([['new offer'], ['new answer']]);
  });

  it('[SIG7] [RM111] [RM114] who reconnects gets what waited at the nodes of its senders, wherever it comes back', async () => {
    await connect();
    for (const page of ['page of ben', 'another page']) {
      nodes.signal('ann', 'ben', 'early', offer());
      await hear();
      nodes.notice('ben', ben);
      await hear();
      nodes.signal('ann', 'ben', 'early', candidate('1'));
      nodes.signal('ann', 'ben', 'late', offer());
      nodes.signal('ann', 'ben', 'late', candidate('2'));
      ben = join('ben', THREE, page);
      await hear();
      expect(heard(ben), page).toEqual(['late offer', 'late 2']);
      nodes.signal('ben', 'ann', 'late', answer());
      await hear();
      expect(heard(ann), page).toEqual(['late answer']);
    }
  });

  it('[SIG7] [RM111] at most 64 of a sender wait, which hears of one more that it is BUSY', async () => {
    nodes.notice('ben', ben);
    await hear();
    nodes.signal('ann', 'ben', 'n1', offer());
    for (let n = 1; n < 64; n += 1) nodes.signal('ann', 'ben', 'n1', candidate(`${n}`));
    expect(refusal(() => nodes.signal('ann', 'ben', 'n1', candidate('65')))?.code).toBe('BUSY');
    ben = join('ben', THREE);
    await hear();
    expect(heard(ben)).toHaveLength(64);
  });

  it('[SIG7] [ND25] what finds its target gone waits there for the same page alone', async () => {
    for (const page of ['page of ben', 'another page']) {
      await connect(`call of ${page}`);
      nodes.signal('ann', 'ben', 'n1', offer());
      nodes.notice('ben', ben);
      nodes.bus.deliver(0);
      ben = join('ben', TWO, page);
      expect(heard(ben), page).toEqual(page === 'page of ben' ? ['n1 offer'] : []);
      await hear();
    }
  });

  it('[SIG7] [ND26] while the bus is away a signal to another node is UNAVAILABLE and counts for nothing', async () => {
    await connect();
    nodes.bus.isUp = false;
    const refused = refusal(() => nodes.signal('ann', 'ben', 'n1', offer()));
    expect(refused).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    expect(refused?.retryAfterMs).toBeGreaterThan(0);
    const cat = join('cat', ONE);
    nodes.signal('ann', 'cat', 'n2', offer());
    expect(heard(cat)).toEqual(['n2 offer']);
    nodes.bus.isUp = true;
    expect(nodes.signal('ben', 'ann', 'n0', candidate('1'))).toEqual({ negotiationId: 'n0' });
    await hear();
    expect(heard(ann)).toEqual(['n0 1']);
  });

  it('[SIG7] [ND24] an offer that a newer one overtook, which its sender made by another node, is over', async () => {
    await connect();
    nodes.signal('ann', 'ben', 'late', offer());
    ann = join('ann', THREE);
    nodes.signal('ann', 'ben', 'next', offer());
    let signals: string[] = [];
    for (let n = 0; n < 10 && signals.length === 0; n += 1) {
      nodes.bus.deliver(-1);
      nodes.answer(TWO);
      for (let turn = 0; turn < 10; turn += 1) await undefined;
      signals = heard(ben);
    }
    expect(signals).toEqual(['next offer']);
    await hear();
    expect(heard(ben)).toEqual([]);
    nodes.signal('ben', 'ann', 'next', answer());
    await hear();
    expect(heard(ann)).toEqual(['next answer']);
  });
});
