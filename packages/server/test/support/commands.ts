import { randomUUID } from 'node:crypto';
import type { Accepted, CommandOrUnknown } from '@bongsu/protocol';
import { type CommandsConfig, type CommandsDeps, createCommands } from '../../src/commands/index.js';
import type { Commands, ScreenConnection } from '../../src/commands/types.js';
import { systemClock } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/database/database.js';
import type { Bus } from '../../src/platform/ephemeral/ephemeral.js';
import { silentLog } from '../../src/platform/log.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { UserPrincipal } from '../../src/platform/principal.js';
import { Breakers } from '../../src/platform/resilience/breakers.js';
import type { EventContext } from '../../src/platform/surface.js';
import { emptyTables } from './empty-tables.js';

export const SENDER = '018f0000-0000-7000-8000-000000000001';

export function userPrincipal(userId = SENDER): UserPrincipal {
  return {
    kind: 'user',
    userId,
    username: 'Ada',
    role: 'user',
    sessionId: 'session',
    expiresAt: Number.MAX_SAFE_INTEGER,
    provenAt: 0,
  };
}

/** A bus that reaches nobody else: what two processes without Redis have. */
export function lonelyBus(): Bus {
  return { publisher: randomUUID(), isUp: true, publish() {}, subscribe: () => () => {} };
}

/** No other node answers. */
export const UNANSWERED: CommandsDeps['calls'] = {
  serve() {},
  ask: async (_kind, _payload, nodes) => ({ answers: new Map(), missing: nodes }),
};

export interface Pushed {
  userId: string;
  event: string;
  payload: { id?: string; status?: string; [key: string]: unknown };
}

export interface CommandsHarness {
  commands: Commands;
  metrics: Metrics;
  pushed: Pushed[];
  /** Streams by screen, as `authorize` answers them. */
  screens: Map<string, number>;
  addScreen(screenId: string): Promise<number>;
  /** A socket event, as the gateway calls it. */
  send(event: 'trigger' | 'navigate', payload: object, options?: SendOptions): Promise<Accepted>;
  /** What `status` answers its sender. */
  statusOf(...ids: string[]): Promise<CommandOrUnknown[]>;
}

export interface SendOptions {
  principal?: UserPrincipal;
  socketId?: string;
}

/** As by default, but for what a test is about. */
export function commandsConfig(overrides: Partial<CommandsConfig> = {}): CommandsConfig {
  return {
    retentionMs: 86_400_000,
    deadLetterMs: 30 * 86_400_000,
    roomHistoryMs: 30 * 86_400_000,
    roomHistoryMax: 10_000,
    ackTimeoutMs: 5000,
    maxRetries: 3,
    hook: undefined,
    maxPendingPerScreen: 10_000,
    batchSize: 50,
    batchMaxWaitMs: 1000,
    ...overrides,
  };
}

/** The commands domain over a real database, with everything else in memory. */
export function commandsHarness(database: Database, overrides: Partial<CommandsDeps> = {}): CommandsHarness {
  const screens = new Map<string, number>();
  const pushed: Pushed[] = [];
  const metrics = new Metrics();
  const leaseSince = systemClock.monotonic();
  const { clock = systemClock, log = silentLog } = overrides;
  const breakers = new Breakers({ clock, log, metrics });
  const commands = createCommands({
    config: commandsConfig(),
    database,
    breakers,
    ephemeral: { bus: lonelyBus() },
    calls: UNANSWERED,
    clock,
    databaseClock: () => Date.now(),
    log,
    metrics,
    push: {
      toUser: (userId, event, payload) => {
        pushed.push({ userId, event, payload: payload as unknown as Pushed['payload'] });
      },
    },
    authorize: (_principal, screenId) => {
      const streamId = screens.get(screenId);
      return streamId === undefined ? undefined : { screenId, streamId, role: 'owner' };
    },
    ownedScreens: async () => [...screens.keys()],
    usernames: async (userIds) => new Map(userIds.map((userId) => [userId, 'Ada'])),
    limit: () => ({ allowed: true, retryAfterMs: 0 }),
    registerNonce: () => true,
    node: { name: 'test:1', incarnation: randomUUID() },
    // Live, and too young to sweep.
    lease: { leaseSince: () => leaseSince, renewedAt: () => 0 },
    ...overrides,
  });
  const call = (
    event: string,
    payload: object,
    { principal = userPrincipal(), socketId = 'socket' }: SendOptions = {},
  ) => {
    const definition = commands.events[event];
    if (!definition) throw new Error(`No event ${event}`);
    const context: EventContext = {
      socketId,
      instanceId: undefined,
      principal,
      origin: { address: '127.0.0.1', userAgent: 'test' },
      signal: new AbortController().signal,
      replacePrincipal() {},
    };
    return definition.handle(context, definition.schema.parse(payload));
  };
  return {
    commands,
    metrics,
    pushed,
    screens,
    async addScreen(screenId) {
      const streamId = await database.transaction((tx) => commands.createInbox(tx, screenId));
      screens.set(screenId, streamId);
      return streamId;
    },
    send: (event, payload, options) => call(event, payload, options) as Promise<Accepted>,
    async statusOf(...ids) {
      return ((await call('status', { ids })) as { items: CommandOrUnknown[] }).items;
    },
  };
}

/** A fresh ledger without the cost of a fresh database. */
export async function emptyLedger(database: Database): Promise<void> {
  await emptyTables(
    database,
    'streams',
    'commands',
    'inbox_references',
    'screen_sessions',
    'attempts',
    'deliveries',
    'dead_letters',
    'idempotency',
    'screen_displays',
    'room_screens',
    'hook_outbox',
  );
}

export function triggerTo(screenId: string, fields: object = {}): { id: string } & Record<string, unknown> {
  return {
    id: randomUUID(),
    timestamp: Date.now(),
    target: { screenId },
    action: 'show',
    ...fields,
  };
}

export interface SentEntry {
  event: string;
  entry: { id: string; seq: number; attempt: number; [key: string]: unknown };
  receipt(answer: unknown): void;
}

/** A screen's socket that keeps what it was sent and answers when told to. */
export class FakeScreen implements ScreenConnection {
  readonly socketId = randomUUID();
  readonly screenId: string;
  readonly instanceId: string | undefined;
  readonly window: number;
  readonly ackTimeoutMs: number | undefined;
  readonly connectedAt: number;
  readonly resume: ScreenConnection['resume'];
  readonly sent: SentEntry[] = [];
  readonly closings: string[] = [];
  connected = true;
  /** Answers every entry at once; undefined waits. */
  answer: ((entry: SentEntry['entry']) => unknown) | undefined;
  readonly #waiting: { count: number; resolve: () => void }[] = [];
  readonly #onClose: (() => void)[] = [];
  readonly #packetListeners = new Set<() => void>();

  constructor(
    screenId: string,
    options: {
      instanceId?: string;
      connectedAt?: number;
      resume?: { epoch: string; seq: number };
      answer?: (entry: SentEntry['entry']) => unknown;
      window?: number;
      ackTimeoutMs?: number;
    } = {},
  ) {
    this.screenId = screenId;
    this.instanceId = options.instanceId;
    this.connectedAt = options.connectedAt ?? Date.now();
    this.resume = options.resume;
    this.answer = options.answer;
    this.window = options.window ?? 1;
    this.ackTimeoutMs = options.ackTimeoutMs;
  }

  isConnected(): boolean {
    return this.connected;
  }

  send(event: 'trigger' | 'navigate', entry: object, onReceipt: (receipt: unknown) => void): () => void {
    let isForgotten = false;
    const sent: SentEntry = {
      event,
      entry: entry as SentEntry['entry'],
      receipt: (answer) => {
        if (!isForgotten) onReceipt(answer);
        isForgotten = true;
      },
    };
    this.sent.push(sent);
    const { answer } = this;
    if (answer) setImmediate(() => sent.receipt(answer(sent.entry)));
    for (const waiting of [...this.#waiting]) if (this.sent.length >= waiting.count) waiting.resolve();
    return () => {
      isForgotten = true;
    };
  }

  onNextPacket(listener: () => void): () => void {
    this.#packetListeners.add(listener);
    return () => this.#packetListeners.delete(listener);
  }

  /** The client is heard. */
  packet(): void {
    const listeners = [...this.#packetListeners];
    this.#packetListeners.clear();
    for (const listener of listeners) listener();
  }

  /** True when somebody waits for a packet. */
  get isListenedFor(): boolean {
    return this.#packetListeners.size > 0;
  }

  close(closing: string): void {
    this.closings.push(closing);
    this.connected = false;
    for (const listener of this.#onClose.splice(0)) listener();
  }

  /** Resolves when this many entries were sent in all. */
  async received(count: number): Promise<SentEntry[]> {
    if (this.sent.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    }
    return this.sent;
  }

  async closed(): Promise<string> {
    if (this.closings.length === 0) await new Promise<void>((resolve) => this.#onClose.push(resolve));
    return this.closings[0] ?? '';
  }
}

/** Attaches and opens, as the gateway does on connection. */
export async function connectScreen(commands: Commands, screen: FakeScreen) {
  const attachment = commands.attachScreen(screen);
  const ready = await attachment.ready;
  attachment.open();
  return { ...attachment, ready };
}
