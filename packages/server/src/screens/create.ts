import { createHash } from 'node:crypto';
import { type Screen, ScreenSchema } from '@bongsu/protocol';
import type { Queryable } from '../platform/database/database.js';
import { prefixedId } from '../platform/ids.js';
import { auditCall } from './audit.js';
import type { Call, ScreensContext } from './deps.js';
import { insertScreen } from './store/screens.js';

/**
 * Makes a screen of the caller, with its inbox. With an Idempotency-Key a repeated call answers the first one's screen.
 * @throws IDEMPOTENCY_CONFLICT
 */
export function createScreen(
  context: ScreensContext,
  call: Call,
  input: { name: string },
  idempotencyKey?: string,
): Promise<Screen> {
  return context.database.transaction((tx) =>
    idempotencyKey === undefined
      ? addScreen(context, tx, call, input.name)
      : createOnce(context, tx, call, input, idempotencyKey),
  );
}

async function createOnce(
  context: ScreensContext,
  tx: Queryable,
  call: Call,
  input: { name: string },
  key: string,
): Promise<Screen> {
  const { idempotency } = context;
  const scope = `screens:${call.user.userId}`;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([input.name]))
    .digest();
  const known = await idempotency.register(tx, scope, key, fingerprint);
  if (known.status === 'known') return ScreenSchema.parse(known.result);
  const screen = await addScreen(context, tx, call, input.name);
  await idempotency.saveResult(tx, scope, key, screen);
  return screen;
}

/** A new screen of the caller, in the caller's transaction. */
export async function addScreen(
  context: ScreensContext,
  tx: Queryable,
  call: Call,
  name: string,
): Promise<Screen> {
  const id = prefixedId('scr');
  const createdAt = Math.floor(context.databaseClock());
  const streamId = await context.inbox.createInbox(tx, id);
  await insertScreen(tx, { id, name, ownerId: call.user.userId, streamId, createdAt });
  await auditCall(context, tx, call, { action: 'screen_created', target: { type: 'screen', ref: id } });
  return {
    screenId: id,
    name,
    online: false,
    owner: { userId: call.user.userId, username: call.user.username },
    controllers: [],
    createdAt,
    lastConnectedAt: null,
    pending: 0,
    desired: {},
    reported: {},
  };
}
