// The planted faults. Each changes the built package by texts that must stand there exactly once, and names what is to catch it.
import * as scenarios from './scenarios.mjs';

const CORE = 'migrations/0006_delivery.sql';
const ACCEPT = 'migrations/0004_commands.sql';

export const MUTANTS = [
  {
    name: '01-ack-before-commit',
    title: 'the ack goes out before COMMIT',
    changes: [
      {
        file: 'dist/commands/ledger.js',
        find: 'await this.#database.query(ACCEPT, batch.fast,',
        replace: 'await answerEarly(this.#database, ACCEPT, batch.fast,',
      },
      {
        file: 'dist/commands/ledger.js',
        append: `function answerEarly(database, text, values) {
  return new Promise((resolve, reject) => {
    database.transaction(async (tx) => {
      resolve(await tx.query(text, values));
      await new Promise((later) => setTimeout(later, 40));
    }).catch(reject);
  });
}`,
      },
    ],
    session: { profile: 'postgres', faults: ['server-kill'], runs: 3, convergeMs: 8000 },
  },
  {
    name: '02-no-fence',
    title: 'outcomes are written whoever holds the fence',
    changes: [
      {
        file: CORE,
        find: `    left join screen_sessions h on h.screen_id = u.screen_id and h.fence = u.fence;
  update screen_sessions h`,
        replace: `    left join screen_sessions h on h.screen_id = u.screen_id;
  update screen_sessions h`,
      },
    ],
    scenario: scenarios.overtakenNodeWrites,
  },
  {
    name: '03-fence-compared-earlier',
    title: 'fences are compared in a statement before the locks',
    changes: [
      {
        file: CORE,
        find: `  perform 1 from screen_sessions where screen_id = any(p_screens) order by screen_id for no key update;
  select array_agg(case when u.epoch = present`,
        replace: '  select array_agg(case when u.epoch = present',
      },
      {
        file: CORE,
        find: `    left join screen_sessions h on h.screen_id = u.screen_id and h.fence = u.fence;
  update screen_sessions h`,
        replace: `    left join screen_sessions h on h.screen_id = u.screen_id and h.fence = u.fence;
  perform 1 from screen_sessions where screen_id = any(p_screens) order by screen_id for no key update;
  update screen_sessions h`,
      },
    ],
    scenario: scenarios.overtakenWhileItWaits,
  },
  {
    name: '04-bigserial',
    title: 'places come from a sequence, which commits out of order',
    changes: [
      {
        file: ACCEPT,
        find: `    update streams set last_seq = last_seq + p_counts[i]
    where id = p_streams[i] and deleted_at is null
    returning last_seq into top;`,
        replace: `    select setval('mutant_places', nextval('mutant_places') + p_counts[i] - 1) into top;`,
      },
      {
        file: ACCEPT,
        find: '-- Locks the streams in id order (callers pass them so)',
        replace: `create sequence mutant_places;
-- Locks the streams in id order (callers pass them so)`,
      },
    ],
    scenario: scenarios.twoWritersOneStream,
  },
  {
    name: '05-receipt-before-execute',
    title: 'a screen answers before it runs',
    changes: [
      {
        file: 'dist/chaos/plain-screen.js',
        find: 'await this.#run(place, entry, wanted.takesMs ?? 0);',
        replace: `this.#answer(arrival, { status: 'executed' });
        await new Promise((later) => setTimeout(later, 5));
        await this.#run(place, entry, wanted.takesMs ?? 0);
        return;`,
      },
    ],
    session: {
      profile: 'embedded',
      faults: ['screen-kill', 'screen-kill-before-run'],
      runs: 4,
      shapes: [1, 2].map(() => ({ kind: 'plain', policy: 'at-least-once', window: 1 })),
    },
  },
  {
    name: '06-send-again-on-silence',
    title: 'a silent entry is sent again over its live socket',
    changes: [
      {
        file: 'dist/commands/screen-session.js',
        find: 'this.inbox.silent(entry.seq);',
        replace: `this.#emit(entry, 0);
        this.#watch(entry);`,
      },
    ],
    session: {
      profile: 'embedded',
      faults: ['screens-silent'],
      runs: 1,
      convergeMs: 8000,
      mix: { silent: 0.05 },
    },
  },
  {
    name: '07-cursor-without-delivery',
    title: 'acked_seq rises without a delivery row',
    changes: [
      {
        file: CORE,
        find: '  if cardinality(d_slots) > 0 then',
        replace: "  if cardinality(d_slots) > 0 and not 'executed' = any(d_statuses) then",
      },
    ],
    session: { profile: 'embedded', faults: ['screens-reset'], runs: 1, convergeMs: 8000 },
  },
  {
    name: '08-snapshot-before-locks',
    title: 'what is pending is read before the lock is held',
    changes: [
      {
        file: CORE,
        find: '  from screen_sessions h where h.screen_id = p_screen for no key update;\n  select c.id',
        replace: '  from screen_sessions h where h.screen_id = p_screen;\n  select c.id',
      },
      {
        file: CORE,
        find: '  if entry.id is null then',
        replace:
          '  perform 1 from screen_sessions h where h.screen_id = p_screen for no key update;\n  if entry.id is null then',
      },
    ],
    scenario: scenarios.cancelMeetsReceipt,
  },
  {
    name: '09-retry-counter-in-memory',
    title: 'attempts are counted in memory only',
    changes: [{ file: CORE, find: '  if cardinality(f_slots) > 0 then', replace: '  if false then' }],
    scenario: scenarios.killBetweenRetries,
  },
  {
    name: '10-ack-ids-from-0',
    title: 'ack ids begin at 0 in each process',
    changes: [
      {
        file: 'dist/gateway/sockets.js',
        find: 'namespace._ids = randomInt(2 ** 45);',
        replace: 'namespace._ids = 0;',
      },
    ],
    scenario: scenarios.lateAckOfAnEarlierProcess,
  },
  {
    name: '11-prev-from-acked',
    title: 'prev is acked_seq, not the nearest entry in flight',
    changes: [
      {
        file: 'dist/commands/inbox.js',
        find: 'this.#effects.emit(slot.entry, earlier?.entry.seq ?? 0);',
        replace: 'this.#effects.emit(slot.entry, this.#acked);',
      },
    ],
    session: { profile: 'embedded', faults: ['screens-fail'], runs: 1, convergeMs: 15_000 },
  },
  {
    name: '12-expiry-off-the-holder',
    title: 'anybody may expire what a living node holds',
    changes: [
      {
        file: CORE,
        find: '  return p_node is null or not exists (',
        replace: '  return true or not exists (',
      },
    ],
    scenario: scenarios.sweepOfAHeldScreen,
  },
  {
    name: '13-resume-of-another-epoch',
    title: 'a resume offset of another epoch is a receipt',
    changes: [
      {
        file: 'dist/commands/resume.js',
        find: 'if (resume && resume.epoch !== epoch)',
        replace: 'if (false)',
      },
    ],
    scenario: scenarios.restoredBehindTheScreen,
  },
  {
    name: '14-freshness-before-look-up',
    title: 'a stale repeat is refused without looking it up',
    changes: [
      {
        file: 'dist/commands/accept.js',
        find: 'async #refuse(command, refusal) {',
        replace: `async #refuse(command, refusal) {
        if (refusal.code === 'REQUEST_EXPIRED') throw refusal;`,
      },
    ],
    scenario: scenarios.staleRepeat,
  },
  {
    name: '15-executed-settled-as-dead',
    title: 'now and then an executed receipt is settled as dead, with its letter',
    changes: [
      {
        file: 'dist/commands/inbox.js',
        find: "this.#end(index, { status: 'executed' }, false);",
        replace:
          "this.#end(index, seq % 7 === 0 ? { status: 'dead', reason: 'rejected' } : { status: 'executed' }, true);",
      },
    ],
    session: { profile: 'embedded', faults: ['controllers-reset'], runs: 1, convergeMs: 15_000 },
  },
  {
    name: '16-cancelled-is-sent',
    title: 'a cancelled entry is sent all the same',
    changes: [
      {
        file: 'dist/commands/inbox.js',
        find: "this.#end(index, { status: 'cancelled' }, true);",
        replace: "this.#effects.settle(this.#acked, [slot.entry], { status: 'cancelled' }, false);",
      },
    ],
    scenario: scenarios.cancelledBehindAnother,
  },
];
