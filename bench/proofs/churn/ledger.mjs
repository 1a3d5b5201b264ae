/** What may answer each verb while others come, go and are kicked. Anything else is a fault. */
const EXPECTED = {
  joins: ['ROOM_FULL', 'FORBIDDEN'],
  // A seat that is over is not found, or one like none: then it is a join.
  returns: ['PARTICIPANT_NOT_FOUND', 'FORBIDDEN', 'ROOM_FULL'],
  reloads: ['PARTICIPANT_NOT_FOUND', 'FORBIDDEN', 'ROOM_FULL'],
  leaves: [],
  messages: ['FORBIDDEN', 'ROOM_NOT_FOUND'],
  signals: ['PARTICIPANT_NOT_FOUND', 'FORBIDDEN', 'BUSY'],
  kicks: ['PARTICIPANT_NOT_FOUND'],
  admissions: [],
};
const MOST_EXAMPLES = 20;

/** Counts what was done, refused and wrong. */
export class Ledger {
  done = {};
  refusals = {};
  faults = 0;
  examples = [];

  count(what) {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  refused(what, code) {
    const name = `${what}: ${code}`;
    this.refusals[name] = (this.refusals[name] ?? 0) + 1;
    if (!EXPECTED[what].includes(code)) this.fault(`${what} were refused as ${code}`);
  }

  fault(text) {
    this.faults += 1;
    if (this.examples.length < MOST_EXAMPLES) this.examples.push(text);
  }
}
