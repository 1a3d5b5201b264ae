// Loaded before the server by the chaos harness (node --import): lets it be killed before and after named steps, moves its clock,
// kills PGlite's thread, reads the ledger's tables and tells what came in and went out. The server itself knows nothing of this.
const dist = new URL('../dist/', import.meta.url);
const load = (path) => import(new URL(path, dist));

const anyOf = (test) => (settlements) => settlements.some(test);
const ends = (status) => anyOf(({ ended }) => ended.some((outcome) => outcome.status === status));

/** The step of each failpoint: a method of a class, whose promise is the step; where only some calls are it, which. */
const STEPS = {
  accept: ['commands/ledger.js', 'Ledger', 'accept'],
  'accept-again': ['commands/ledger.js', 'Ledger', 'acceptChecked'],
  fence: ['commands/delivery-ledger.js', 'DeliveryLedger', 'takeFences'],
  read: ['commands/delivery-ledger.js', 'DeliveryLedger', 'readInboxes'],
  settle: ['commands/delivery-ledger.js', 'DeliveryLedger', 'settle'],
  'dead-letter': ['commands/delivery-ledger.js', 'DeliveryLedger', 'settle', ends('dead')],
  expire: ['commands/delivery-ledger.js', 'DeliveryLedger', 'settle', ends('expired')],
  supersede: ['commands/delivery-ledger.js', 'DeliveryLedger', 'settle', ends('superseded')],
  retry: [
    'commands/delivery-ledger.js',
    'DeliveryLedger',
    'settle',
    anyOf(({ failed }) => failed.length > 0),
  ],
  release: ['commands/delivery-ledger.js', 'DeliveryLedger', 'settle', anyOf(({ release }) => release)],
};

let armed;
function reach(point, when) {
  if (armed?.point !== point || armed.when !== when) return;
  armed.calls -= 1;
  if (armed.calls <= 0) process.kill(process.pid, 'SIGKILL');
}

function wrap(owner, method, make) {
  const original = owner.prototype[method];
  if (typeof original !== 'function') throw new Error(`The chaos harness finds no ${owner.name}.${method}`);
  owner.prototype[method] = make(original);
}

async function watchSteps() {
  for (const [point, [path, name, method, isIt = () => true]] of Object.entries(STEPS)) {
    const owner = (await load(path))[name];
    if (owner === undefined) throw new Error(`The chaos harness finds no ${name}`);
    wrap(
      owner,
      method,
      (original) =>
        async function (...args) {
          const isStep = isIt(...args);
          if (isStep) reach(point, 'before');
          const result = await original.apply(this, args);
          if (isStep) reach(point, 'after');
          return result;
        },
    );
  }
  await watchSockets();
}

const TELL_MS = 100;

/** Ids of the entries that screens were sent since that was last told. */
let sent = [];

async function watchAccepts() {
  const { Ledger } = await load('commands/ledger.js');
  for (const method of ['accept', 'acceptChecked']) {
    wrap(
      Ledger,
      method,
      (original) =>
        function (batch, ...rest) {
          // The second of the eight columns that are one value a command. At once: who is killed next has told it.
          process.send({ cameIn: batch.fast.at(-7).slice(1, -1).split(',') });
          return original.call(this, batch, ...rest);
        },
    );
  }
  setInterval(() => {
    if (sent.length === 0) return;
    process.send({ sent });
    sent = [];
  }, TELL_MS).unref();
}

/** Sending an entry and hearing its receipt have no class of their own: the gateway makes them per socket. */
async function watchSockets() {
  const { Connection } = await load('gateway/connection.js');
  wrap(
    Connection,
    'asScreen',
    (original) =>
      function (...args) {
        const screen = original.apply(this, args);
        const { send } = screen;
        return {
          ...screen,
          send(event, entry, onReceipt) {
            if (process.send) sent.push(entry.id);
            reach('emit', 'before');
            const forget = send(event, entry, (receipt) => {
              reach('receipt', 'before');
              onReceipt(receipt);
              reach('receipt', 'after');
            });
            reach('emit', 'after');
            return forget;
          },
        };
      },
  );
}

function skewClock(milliseconds) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(RealDate.now() + milliseconds);
      else super(...args);
    }
    static now() {
      return RealDate.now() + milliseconds;
    }
  };
}

let database;
let pglite;
async function watchDatabase() {
  const { WireDatabase } = await load('platform/database/wire-database.js');
  wrap(
    WireDatabase,
    'start',
    (original) =>
      function (...args) {
        database = this;
        return original.apply(this, args);
      },
  );
  const { PgliteHost } = await load('platform/database/pglite-host.js');
  wrap(
    PgliteHost,
    'start',
    (original) =>
      function (...args) {
        pglite = this;
        return original.apply(this, args);
      },
  );
}

async function answerSql({ id, sql }) {
  try {
    process.send({ id, rows: await database.query(sql) });
  } catch (error) {
    process.send({ id, error: String(error) });
  }
}

const clockMs = Number(new URL(import.meta.url).searchParams.get('clockMs') ?? 0);
if (clockMs !== 0) skewClock(clockMs);
await watchSteps();
await watchDatabase();
if (process.send) {
  process.on('message', (message) => {
    if (message.arm) armed = message.arm;
    if (message.disarm) armed = undefined;
    if (message.sql) void answerSql(message);
    if (message.killPglite) void pglite?.kill();
  });
  await watchAccepts();
  process.channel.unref();
}
