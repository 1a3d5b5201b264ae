import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { io } from 'socket.io-client';
import { call, createScreen, signUp } from '../../lib/bongsu.mjs';
import { monotonicMs } from '../../lib/history.mjs';
import { freePort, until } from '../../lib/processes.mjs';

const POLICY = 'at-least-once';

/** A scripted history: a server of the given package, hand-made clients, and SQL by hand where nodes are played. */
export class Stage {
  controllers = [];
  screens = new Map();
  said = new Map();
  #open = [];

  constructor({ chaos, packageFolder, databaseUrl, folder }) {
    Object.assign(this, { chaos, packageFolder, databaseUrl, folder });
  }

  async startNode() {
    const { ServerNode } = await import(new URL('server-node.js', this.chaos));
    const { PATH, HOME } = process.env;
    this.port ??= await freePort();
    this.node ??= new ServerNode({
      port: this.port,
      packageFolder: this.packageFolder,
      settings: { DATA_DIR: this.folder, DATABASE_URL: this.databaseUrl },
      environment: { PATH, HOME },
    });
    await this.node.start();
    this.url = this.node.url;
  }

  async people() {
    this.owner = await signUp(this.url);
    const { screen, credential } = await createScreen(this.url, this.owner.accessToken);
    this.screenId = screen.screenId;
    this.credential = credential;
    this.stream = `screen:${this.screenId}`;
  }

  /** A stock client. Commands: `command(data)`, `send(command)`. */
  async controller() {
    const socket = this.#connect({ token: this.owner.accessToken });
    socket.on('command-status', ({ id, status, attempt, screenId }) =>
      this.record({ kind: 'told', id, screen: screenId, status, attempt }),
    );
    await this.ready(socket);
    return socket;
  }

  command(over = {}) {
    return {
      id: randomUUID(),
      timestamp: Date.now(),
      target: { screenId: this.screenId },
      action: 'show',
      ...over,
    };
  }

  async send(socket, command) {
    const { id } = command;
    const transmission = randomUUID();
    const display = command.displayIndex ?? 0;
    const content = { type: 'trigger', display, expect: 'accepted' };
    this.record({ kind: 'invoke', id, screen: this.screenId, transmission, ...content });
    const answer = await socket.timeout(10_000).emitWithAck('trigger', command);
    if (answer.success) this.record({ kind: 'ok', transmission, ...answer });
    else this.record({ kind: 'fail', id, transmission, ...answer.error });
    return answer;
  }

  async cancel(id) {
    const response = await fetch(`${this.url}/api/commands/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${this.owner.accessToken}` },
    });
    this.record({ kind: 'cancel', id, outcome: String(response.status) });
  }

  /** A stock client as a screen; `onEntry(entry, ack)` does the rest. */
  async screen(onEntry, auth = {}) {
    const own = { screen: this.screenId };
    this.saw({ kind: 'boot', ...own, policy: POLICY });
    const socket = this.#connect({ token: this.credential.accessToken, ...auth });
    let sockets = 0;
    socket.on('ready', ({ epoch, streams }) => {
      sockets += 1;
      const { recovered } = streams[this.stream];
      const resumeEpoch = auth.resume?.epoch;
      this.saw({
        kind: 'open',
        ...own,
        socket: String(sockets),
        epoch,
        recovered,
        window: auth.window ?? 1,
        ...(resumeEpoch ? { resumeEpoch, resumeSeq: auth.resume.streams[this.stream] } : {}),
      });
    });
    socket.on('trigger', (entry, ack) => {
      const { id, stream, seq, prev, attempt, epoch } = entry;
      this.saw({ kind: 'got', ...own, socket: String(sockets), id, stream, seq, prev, attempt, epoch });
      onEntry(entry, (status, how = {}) => {
        this.saw({
          kind: 'answer',
          ...own,
          socket: String(sockets),
          id,
          stream,
          seq,
          status,
          retryable: true,
        });
        ack({ status, ...how });
      });
    });
    return socket;
  }

  ran({ id, stream, seq, epoch, attempt }) {
    const run = { screen: this.screenId, id, seq };
    this.saw({ kind: 'run', ...run, stream, epoch, attempt });
    this.saw({ kind: 'done', ...run });
  }

  /** A node's work by hand: `entry` was sent to its screen, ran, and was answered. */
  played({ id, seq, epoch }, socket = 'b') {
    const entry = { screen: this.screenId, socket, id, stream: this.stream, seq };
    this.saw({ kind: 'got', ...entry, prev: 0, attempt: 1, epoch });
    this.ran({ ...entry, epoch, attempt: 1 });
    this.saw({ kind: 'answer', ...entry, status: 'executed', retryable: true });
  }

  record(event) {
    this.controllers.push({ ...event, at: monotonicMs() });
  }

  saw(event) {
    const records = this.screens.get(event.screen) ?? [];
    this.screens.set(event.screen, records);
    records.push({ ...event, at: monotonicMs() });
  }

  ready(socket) {
    return new Promise((resolve) => socket.once('ready', resolve));
  }

  waitFor(what, check, timeoutMs = 10_000) {
    return until(what, check, timeoutMs);
  }

  async connection() {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    client.on('error', () => {});
    await client.connect();
    this.#open.push(() => client.end());
    return client;
  }

  /** What the server says of all that was accepted. */
  async ask() {
    for (const { kind, id } of this.controllers) {
      if (kind !== 'ok') continue;
      const { status } = await call(this.url, 'GET', `/api/commands/${id}`, {
        token: this.owner.accessToken,
      });
      this.said.set(id, status);
    }
  }

  async close() {
    for (const close of this.#open.reverse()) await close();
    await this.node?.kill();
  }

  history() {
    return { controllers: this.controllers, screens: [...this.screens.values()], said: this.said };
  }

  #connect(auth) {
    const socket = io(this.url, { auth, transports: ['websocket'], forceNew: true, reconnectionDelay: 20 });
    this.#open.push(() => socket.disconnect());
    return socket;
  }
}

const NO_FAILURES_OR_REPORTS = [
  ...['f_slots', 'f_seqs', 'f_failed', 'f_lost', 'f_next_at', 'f_errors'],
  ...['r_slots', 'r_displays', 'r_urls', 'r_at'],
];

function callByName(client, name, parameters) {
  const places = Object.keys(parameters).map((each, place) => `${each} => $${place + 1}`);
  return client.query(`select * from ${name}(${places})`, Object.values(parameters));
}

/** A screen and its entries in SQL alone: two nodes are played over `stage.connection()`. */
export async function playNodes(stage, entries, { ttlMs = 60_000 } = {}) {
  const sql = await stage.connection();
  const sender = randomUUID();
  stage.screenId = `scr_${randomUUID().slice(0, 8)}`;
  stage.stream = `screen:${stage.screenId}`;
  const now = Date.now();
  const [{ id: stream }] = (
    await sql.query("insert into streams (kind, name) values ('screen', $1) returning id", [stage.screenId])
  ).rows;
  await sql.query('insert into screen_sessions (screen_id, stream_id) values ($1, $2)', [
    stage.screenId,
    stream,
  ]);
  stage.saw({ kind: 'boot', screen: stage.screenId, policy: POLICY });
  const accept = async (client, count) => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const { rows } = await client.query(
      'select bases, takes, epoch from accept_commands($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)',
      [
        [stream],
        [count],
        1_000_000,
        now,
        ids.map(() => 1),
        ids.map((_, place) => place + 1),
        ids.map(() => sender),
        ids,
        ids.map(() => 'trigger'),
        ids.map(() => '\\x00000000000000000000000000000000'),
        ids.map(() => '{"action":"show"}').join('\n'),
        ids.map(() => now + ttlMs),
        ids.map(() => null),
        ids.map(() => 'all'),
      ],
    );
    const [{ bases, epoch }] = rows;
    return ids.map((id, place) => ({ id, seq: Number(bases[0]) + place + 1, epoch, acceptedAt: now }));
  };
  const acknowledge = (accepted) => {
    for (const { id, ...place } of accepted) {
      const transmission = randomUUID();
      const content = { type: 'trigger', display: 0, expect: 'accepted' };
      stage.record({ kind: 'invoke', id, screen: stage.screenId, transmission, ...content });
      stage.record({ kind: 'ok', id, transmission, stream: stage.stream, duplicate: false, ...place });
    }
    return accepted;
  };
  const takeFence = async (node, incarnation, connectedAt) => {
    const { rows } = await sql.query('select fence, epoch from take_fences($1,$2,$3,$4,$5)', [
      [stage.screenId],
      [null],
      [connectedAt],
      node,
      incarnation,
    ]);
    return { fence: Number(rows[0].fence), epoch: rows[0].epoch };
  };
  const settle = (client, { screens = [stage.screenId], fences, epoch, ended, acked, releases }) =>
    callByName(client, 'settle_inboxes', {
      p_screens: screens,
      p_fences: fences,
      p_epochs: screens.map(() => epoch),
      p_acked: screens.map((_, place) => acked?.[place] ?? 0),
      p_releases: screens.map((_, place) => releases?.[place] ?? false),
      p_at: Date.now(),
      p_hooks: false,
      d_slots: ended.map(({ slot }) => slot),
      d_seqs: ended.map(({ seq }) => seq),
      d_statuses: ended.map(({ status }) => status),
      d_attempts: ended.map(() => 1),
      d_errors: ended.map(() => null),
      d_reasons: ended.map(() => null),
      ...Object.fromEntries(NO_FAILURES_OR_REPORTS.map((name) => [name, []])),
    });
  const ask = async () => {
    const { rows } = await sql.query(
      `select c.id, coalesce(d.status, 'accepted') as status
       from commands c left join deliveries d on d.stream_id = c.stream_id and d.seq = c.seq where c.stream_id = $1`,
      [stream],
    );
    for (const { id, status } of rows) stage.said.set(id, status);
  };
  const accepted = entries > 0 ? acknowledge(await accept(sql, entries)) : [];
  return { sql, stream, sender, now, accepted, accept, acknowledge, takeFence, settle, ask };
}
