import type { Accepted, DeadLetter } from '@bongsu/protocol';
import {
  type ControllerEvent,
  type ControllerRecord,
  HistoryReader,
  type HistoryWriter,
  historyWriter,
  monotonicMs,
} from './history.js';
import { pause } from './processes.js';

interface Requeued {
  id: string;
  senderId: string;
}

const AT_ONCE = 2;
const PAUSE_MS = 30;
const PATIENCE_MS = 30_000;
const ANSWER_MS = 5000;

/** The owner of the screens, who sends dead letters again, each twice at the same moment: once must be done. */
export class Requeuer {
  /** Requeued ids and the first id of their chains. */
  readonly firsts = new Map<string, string>();
  readonly #url: string;
  readonly #token: string;
  readonly #history: HistoryWriter<ControllerEvent>;
  readonly #reader: HistoryReader<ControllerRecord>;
  readonly #pressed = new Set<string>();
  readonly #requeued: Requeued[] = [];

  constructor(url: string, token: string, historyPath: string) {
    this.#url = url;
    this.#token = token;
    this.#history = historyWriter(historyPath);
    this.#reader = new HistoryReader(historyPath);
  }

  /** Presses until there is an answer, whatever is killed meanwhile. @throws Error when there is none in time */
  async press(): Promise<void> {
    const page = await this.#call<{ items: DeadLetter[] }>('GET', '/api/dead-letters?limit=20');
    const letters = (page?.body.items ?? []).filter(({ id }) => !this.#pressed.has(id)).slice(0, AT_ONCE);
    await Promise.all(letters.flatMap((letter) => [this.#pressOne(letter), this.#pressOne(letter)]));
  }

  /** What was written since the last call. */
  read(): ControllerRecord[] {
    return this.#reader.read();
  }

  /** The status of each of these that is a requeued one. */
  async ask(ids: ReadonlySet<string>): Promise<Map<string, string>> {
    const said = new Map<string, string>();
    for (const { id, senderId } of this.#requeued.filter((each) => ids.has(each.id))) {
      const answer = await this.#call<{ status: string }>('GET', `/api/commands/${id}?senderId=${senderId}`);
      if (answer?.ok) said.set(id, answer.body.status);
    }
    return said;
  }

  async #pressOne(letter: DeadLetter): Promise<void> {
    this.#pressed.add(letter.id);
    const giveUpAt = monotonicMs() + PATIENCE_MS;
    for (;;) {
      const answer = await this.#call<Accepted & Refusal>('POST', `/api/dead-letters/${letter.id}/requeue`);
      if (answer?.ok) return this.#onRequeued(letter, answer.body.id, answer.body);
      const error = answer?.body.error;
      if (error?.code === 'CONFLICT' && error.details?.requeuedAs !== undefined) {
        return this.#onRequeued(letter, error.details.requeuedAs, undefined);
      }
      if (error && !error.retryable) throw new Error(`A requeue was answered ${JSON.stringify(error)}`);
      if (monotonicMs() > giveUpAt) throw new Error('A requeue was not answered');
      await pause(PAUSE_MS);
    }
  }

  #onRequeued(
    { id: letter, commandId, screenId, type, payload, from }: DeadLetter,
    id: string,
    place?: Accepted,
  ): void {
    if (!this.firsts.has(id)) {
      this.firsts.set(id, this.firsts.get(commandId) ?? commandId);
      this.#requeued.push({ id, senderId: from.userId });
      const display = typeof payload.displayIndex === 'number' ? payload.displayIndex : 0;
      const kind = type === 'navigate' ? type : 'trigger';
      this.#history.write({
        kind: 'invoke',
        id,
        screen: screenId,
        transmission: letter,
        type: kind,
        display,
        expect: 'accepted',
      });
    }
    this.#history.write({ kind: 'requeue', id, letter });
    if (!place) return;
    const { stream, seq, epoch, acceptedAt, duplicate } = place;
    this.#history.write({ kind: 'ok', id, transmission: letter, stream, seq, epoch, acceptedAt, duplicate });
  }

  /** Where requeues stand whose answers were lost. */
  place(
    places: readonly Omit<Extract<ControllerEvent, { kind: 'ok' }>, 'kind' | 'transmission' | 'duplicate'>[],
  ): void {
    for (const each of places)
      this.#history.write({ kind: 'ok', transmission: 'table', duplicate: true, ...each });
  }

  close(): void {
    this.#history.close();
  }

  /** Undefined when nobody answers. */
  async #call<Body>(method: string, path: string): Promise<{ ok: boolean; body: Body } | undefined> {
    try {
      const response = await fetch(`${this.#url}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return { ok: response.ok, body: (await response.json()) as Body };
    } catch {
      return undefined;
    }
  }
}

interface Refusal {
  error?: { code: string; retryable: boolean; details?: { requeuedAs?: string } };
}
