// Scripted histories for faults that load alone would meet too seldom. The checker judges them as it judges any other.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { playNodes } from './stage.mjs';

const NODE_A = { name: 'a', incarnation: randomUUID() };
const NODE_B = { name: 'b', incarnation: randomUUID() };

/** Node A sleeps with entry 1 in hand; B takes the screen and sends it; A wakes and finds it expired. */
export async function overtakenNodeWrites(stage) {
  const { sql, accepted, takeFence, settle, ask } = await playNodes(stage, 2);
  const a = await takeFence(NODE_A.name, NODE_A.incarnation, 1);
  const b = await takeFence(NODE_B.name, NODE_B.incarnation, 2);
  const [first, second] = accepted;
  stage.played(first);
  await settle(sql, {
    fences: [a.fence],
    epoch: a.epoch,
    acked: [1],
    ended: [{ slot: 1, seq: 1, status: 'expired' }],
  });
  await settle(sql, {
    fences: [b.fence],
    epoch: b.epoch,
    acked: [1],
    ended: [{ slot: 1, seq: 1, status: 'executed' }],
  });
  stage.played(second);
  await settle(sql, {
    fences: [b.fence],
    epoch: b.epoch,
    acked: [2],
    ended: [{ slot: 1, seq: 2, status: 'executed' }],
  });
  await ask();
}

/** A's statement waits for another screen's lock while B takes this one. */
export async function overtakenWhileItWaits(stage) {
  const { sql, accepted, takeFence, settle, ask } = await playNodes(stage, 2);
  const a = await takeFence(NODE_A.name, NODE_A.incarnation, 1);
  const neighbour = `scr_0${randomUUID().slice(0, 7)}`;
  await sql.query(
    `with made as (insert into streams (kind, name) values ('screen', $1) returning id)
     insert into screen_sessions (screen_id, stream_id) select $1, id from made`,
    [neighbour],
  );
  const lock = await stage.connection();
  const nodeA = await stage.connection();
  await lock.query('begin');
  await lock.query('select from screen_sessions where screen_id = $1 for no key update', [neighbour]);
  const [screens, slot] = [
    [neighbour, stage.screenId].sort(),
    [neighbour, stage.screenId].sort().indexOf(stage.screenId) + 1,
  ];
  if (slot === 1) throw new Error('The neighbour must come first');
  const stale = settle(nodeA, {
    screens,
    fences: [0, a.fence],
    epoch: a.epoch,
    acked: [0, 1],
    ended: [{ slot, seq: 1, status: 'expired' }],
  });
  const isWaiting = async () => {
    const { rows } = await sql.query(
      "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%settle_inboxes%'",
    );
    return rows.length > 0;
  };
  await stage.waitFor('node A waits for the lock', isWaiting);
  const b = await takeFence(NODE_B.name, NODE_B.incarnation, 2);
  const [first, second] = accepted;
  stage.played(first);
  await lock.query('commit');
  await stale;
  stage.played(second);
  const ended = [1, 2].map((seq) => ({ slot: 1, seq, status: 'executed' }));
  await settle(sql, { fences: [b.fence], epoch: b.epoch, acked: [2], ended });
  await ask();
}

/** Two nodes accept for one screen at once; a third reads in between. */
export async function twoWritersOneStream(stage) {
  const { sql, stream, accept, acknowledge, takeFence, settle, ask } = await playNodes(stage, 0);
  const { fence, epoch } = await takeFence(NODE_A.name, NODE_A.incarnation, 1);
  const [one, other] = [await stage.connection(), await stage.connection()];
  await one.query('begin');
  const early = await accept(one, 1);
  // Where places are given under a lock, the second writer waits for the first.
  const late = accept(other, 1);
  await Promise.race([late, pause(500)]);
  const read = async (after) =>
    (
      await sql.query('select seq::int, id, epoch from read_entries($1,$2,$3,$4)', [
        [stream],
        [after],
        [32],
        [100_000],
      ])
    ).rows;
  let acked = 0;
  const deliver = async () => {
    for (const entry of await read(acked)) {
      acked = entry.seq;
      stage.played(entry);
      await settle(sql, {
        fences: [fence],
        epoch,
        acked: [acked],
        ended: [{ slot: 1, seq: acked, status: 'executed' }],
      });
    }
  };
  await deliver();
  await one.query('commit');
  acknowledge([...early, ...(await late)]);
  await deliver();
  await ask();
}

/** A cancellation while the receipt is being written. */
export async function cancelMeetsReceipt(stage) {
  const { sql, accepted, takeFence, settle, ask } = await playNodes(stage, 1);
  const { fence, epoch } = await takeFence(NODE_A.name, NODE_A.incarnation, 1);
  const [first] = accepted;
  stage.played(first);
  const [holder, canceller] = [await stage.connection(), await stage.connection()];
  await holder.query('begin');
  const ended = [{ slot: 1, seq: 1, status: 'executed' }];
  await settle(holder, { fences: [fence], epoch, acked: [1], ended, releases: [true] });
  const cancelling = canceller.query('select outcome from cancel_entry($1,$2,$3,$4)', [
    stage.screenId,
    1,
    Date.now(),
    NODE_B.incarnation,
  ]);
  const isWaiting = async () => {
    const { rows } = await sql.query(
      "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%cancel_entry%'",
    );
    return rows.length > 0;
  };
  await stage.waitFor('the cancellation waits for the lock', isWaiting);
  await holder.query('commit');
  const [{ outcome }] = (await cancelling).rows;
  // What its sender would be told.
  if (outcome === 'cancelled') {
    stage.record({ kind: 'told', id: first.id, screen: stage.screenId, status: 'cancelled', attempt: 0 });
  }
  await ask();
}

/** A node that does not hold the screen sweeps it while its entry is in flight. */
export async function sweepOfAHeldScreen(stage) {
  const { sql, accepted, takeFence, settle, ask } = await playNodes(stage, 2);
  const later = Date.now() + 120_000;
  await sql.query('insert into nodes (name, incarnation, lease_until) values ($1, $2, $3)', [
    NODE_A.name,
    NODE_A.incarnation,
    later + 60_000,
  ]);
  const { fence, epoch } = await takeFence(NODE_A.name, NODE_A.incarnation, 1);
  const [first, second] = accepted;
  stage.played(first);
  const sweep = [[stage.screenId], [0], 100, later, randomUUID()];
  await sql.query('select * from sweep_inboxes($1,$2,$3,$4,false,$5)', sweep);
  stage.played(second);
  const ended = [1, 2].map((seq) => ({ slot: 1, seq, status: 'executed' }));
  await settle(sql, { fences: [fence], epoch, acked: [2], ended });
  await ask();
}

/** Killed after the second failure was written: the third send says so. */
export async function killBetweenRetries(stage) {
  await stage.startNode();
  await stage.people();
  const sends = [];
  await stage.screen((entry, answer) => {
    sends.push(entry.attempt);
    if (sends.length <= 2) answer('failed', { error: 'not yet' });
    else {
      stage.ran(entry);
      answer('executed');
    }
  });
  const controller = await stage.controller();
  const { id } = await stage.send(controller, stage.command());
  const told = (attempt) => () =>
    stage.controllers.some(
      (record) => record.kind === 'told' && record.id === id && record.attempt === attempt,
    );
  await stage.waitFor('two failures are written', told(2), 20_000);
  await stage.node.kill();
  await stage.startNode();
  await stage.waitFor('it is sent again', () => sends.length > 2, 20_000);
  await ended(stage);
}

/** A stock client calls the callback of an entry of an earlier process, long after. */
export async function lateAckOfAnEarlierProcess(stage) {
  await stage.startNode();
  await stage.people();
  const held = [];
  const socket = await stage.screen((entry, answer) => {
    held.push({ entry, answer });
    if (entry.seq !== 2 && entry.seq !== 3) finish(held.at(-1));
  });
  const finish = ({ entry, answer }) => {
    stage.ran(entry);
    answer('executed');
  };
  const controller = await stage.controller();
  for (let n = 0; n < 3; n += 1) await stage.send(controller, stage.command());
  await stage.waitFor('entry 2 is in hand', () => held.length === 2);
  const { answer: late } = held[1];
  await stage.node.kill();
  await stage.startNode();
  await stage.waitFor('entry 2 comes again', () => held.length === 3, 20_000);
  finish(held[2]);
  await stage.waitFor('entry 3 is in hand', () => held.length === 4);
  // The callback of the first process's entry 2: on the wire it is a number and "executed", and nothing more.
  late('executed');
  await pause(300);
  socket.disconnect();
  await pause(200);
  const again = await stage.screen((entry, answer) => finish({ entry, answer }));
  await stage.ready(again);
  await pause(300);
  await ended(stage);
}

/** The database is restored to a state of before, in a new epoch; the screen comes back with an offset of the old one. */
export async function restoredBehindTheScreen(stage) {
  await stage.startNode();
  await stage.people();
  let epoch;
  const first = await stage.screen((entry, answer) => {
    epoch = entry.epoch;
    stage.ran(entry);
    answer('executed');
  });
  const controller = await stage.controller();
  for (let n = 0; n < 3; n += 1) await stage.send(controller, stage.command());
  await stage.waitFor(
    'three are executed',
    () => stage.screens.get(stage.screenId).filter(({ kind }) => kind === 'answer').length === 3,
  );
  await pause(200);
  first.disconnect();
  await stage.node.kill();
  const sql = await stage.connection();
  await sql.query(`delete from deliveries; delete from commands; update streams set last_seq = 0;
    update screen_sessions set acked_seq = 0; update meta set epoch = gen_random_uuid()`);
  // What was accepted in the time that the restore took away is nobody's: only the new epoch is judged.
  stage.controllers = [];
  stage.screens.clear();
  await stage.startNode();
  const again = await stage.controller();
  for (let n = 0; n < 3; n += 1) await stage.send(again, stage.command());
  const back = await stage.screen(
    (entry, answer) => {
      stage.ran(entry);
      answer('executed');
    },
    { resume: { epoch, streams: { [stage.stream]: 3 } } },
  );
  await stage.ready(back);
  await pause(500);
  await ended(stage);
}

/** A repeat that was still fresh when it was first sent. */
export async function staleRepeat(stage) {
  await stage.startNode();
  await stage.people();
  const socket = await stage.screen((entry, answer) => {
    stage.ran(entry);
    answer('executed');
  });
  await stage.ready(socket).catch(() => undefined);
  const controller = await stage.controller();
  const command = stage.command({ timestamp: Date.now() - 299_000 });
  await stage.send(controller, command);
  await pause(1500);
  await stage.send(controller, command);
  await ended(stage);
}

/** Taken back while the entry before it is in hand. */
export async function cancelledBehindAnother(stage) {
  await stage.startNode();
  await stage.people();
  const held = [];
  const finish = ({ entry, answer }) => {
    stage.ran(entry);
    answer('executed');
  };
  await stage.screen((entry, answer) => {
    held.push({ entry, answer });
    if (held.length > 1) finish(held.at(-1));
  });
  const controller = await stage.controller();
  await stage.send(controller, stage.command());
  await stage.waitFor('entry 1 is in hand', () => held.length === 1);
  const { id } = await stage.send(controller, stage.command());
  await stage.send(controller, stage.command());
  await stage.cancel(id);
  finish(held[0]);
  await stage.waitFor('entry 3 came', () => held.some(({ entry }) => entry.seq === 3));
  await ended(stage);
}

async function ended(stage) {
  const open = async () => {
    await stage.ask();
    return [...stage.said.values()].every((status) => status !== 'accepted');
  };
  await stage.waitFor('all has ended', open, 10_000).catch(() => undefined);
}
