import type {
  Command,
  CommandItem,
  CommandState,
  CommandStatus,
  Delivery,
  DeliveryStatus,
} from '@bongsu/protocol';

/** A command as pages show it. Not every answer of the server says what it carried and who sent it. */
export type ShownCommand = Command & Partial<Pick<CommandItem, 'from' | 'payload' | 'expiresAt'>>;

/** One word for a command: `waiting` and `retrying` are both `accepted` on the wire. */
export type ShownState = Exclude<CommandState, 'accepted'> | 'waiting' | 'retrying';

/** Deliveries of these are not over. */
const OPEN: readonly DeliveryStatus[] = ['pending', 'retrying'];

export function shownState({ status, deliveries }: Pick<Command, 'status' | 'deliveries'>): ShownState {
  if (status !== 'accepted') return status;
  return deliveries.some((delivery) => delivery.status === 'retrying') ? 'retrying' : 'waiting';
}

export function deliveryState(status: DeliveryStatus): ShownState {
  return status === 'pending' ? 'waiting' : status;
}

/** Where a command goes: one screen, or a room of several. */
export function targetOf({ target }: Pick<Command, 'target'>): { kind: 'screen' | 'room'; id: string } {
  const { screenId, roomId } = target;
  return screenId === undefined ? { kind: 'room', id: roomId ?? '' } : { kind: 'screen', id: screenId };
}

/** What a command says, in one line: the action of a trigger, the address of a navigate, else its type. */
export function saying(type: string, payload: Record<string, unknown> | undefined): string {
  const said = type === 'navigate' ? payload?.url : payload?.action;
  return typeof said === 'string' && said !== '' ? said : type;
}

/** What a command carries beside that line; undefined when there is nothing more to show. */
export function restOf(payload: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  const { action: _, url: __, displayIndex: ___, ...rest } = payload ?? {};
  return Object.keys(rest).length === 0 ? undefined : rest;
}

export function displayOf(payload: Record<string, unknown> | undefined): number | undefined {
  return typeof payload?.displayIndex === 'number' ? payload.displayIndex : undefined;
}

/** A status that arrived over the socket, worked into the command it is about. What has ended never changes again. */
export function withStatus<Item extends Command>(item: Item, news: CommandStatus): Item {
  if (item.id !== news.id) return item;
  const known = item.deliveries.find(({ screenId }) => screenId === news.screenId);
  if (known ? !OPEN.includes(known.status) || known.attempts > news.attempt : item.status !== 'accepted') {
    return item;
  }
  const delivery = deliveryOf(news);
  const deliveries = known
    ? item.deliveries.map((one) => (one === known ? delivery : one))
    : [...item.deliveries, delivery];
  return { ...item, deliveries, status: commonState(deliveries) };
}

function deliveryOf({ screenId, status, attempt, at, error, reason, nextAt }: CommandStatus): Delivery {
  return {
    screenId,
    status,
    attempts: attempt,
    executedAt: status === 'executed' ? at : null,
    error: error ?? null,
    ...(reason === undefined ? {} : { reason }),
    ...(nextAt === undefined ? {} : { nextAt }),
  };
}

function commonState(deliveries: readonly Delivery[]): CommandState {
  const states = new Set(deliveries.map(({ status }) => status));
  if (OPEN.some((open) => states.has(open))) return 'accepted';
  const [first = 'executed'] = states;
  return states.size > 1 ? 'partial' : (first as CommandState);
}
