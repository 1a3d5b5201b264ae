import { commandsConfig, identityConfig, roomsConfig } from './app-config.js';
import { createRecordAudit } from './audit/record.js';
import { type CommandHook, type Commands, createCommands } from './commands/index.js';
import type { Config } from './config.js';
import { NonceManager } from './guards/nonce-manager.js';
import { type Argon2Cost, createIdentity, type Identity } from './identity/index.js';
import type { Boot, Core } from './open-core.js';
import type { RecordAudit } from './platform/audit.js';
import { RedisEphemeral } from './platform/ephemeral/redis.js';
import { createRooms, type Rooms } from './rooms/index.js';
import { createScreens, type Screens } from './screens/index.js';

export interface Domains {
  identity: Identity;
  screens: Screens;
  commands: Commands;
  rooms: Rooms;
}

interface FromOutside {
  commandHook: CommandHook | undefined;
  passwordCost: Argon2Cost | undefined;
  publicUrl(): string;
}

/** Builds the domains, which need one another, and starts them. */
export async function startDomains(
  { config, lifecycle }: Boot,
  core: Core,
  { commandHook, passwordCost, publicUrl }: FromOutside,
): Promise<Domains> {
  const recordAudit = auditFor(config, core);
  const identity = createIdentity({
    ...core,
    recordAudit,
    publicUrl,
    takeBackScreens: (tx, userId, isDisabled) => screens.takeBack(tx, userId, isDisabled),
    config: { ...identityConfig(config), passwordCost },
  });
  const nonces = new NonceManager(core);
  const commands = createCommands({
    ...core,
    config: commandsConfig(config),
    commandHook,
    letterMirror: core.ephemeral instanceof RedisEphemeral ? core.ephemeral.mirror('dlq') : undefined,
    push: core.connections,
    // Screens need the inbox of commands, commands the rights of screens: the one built later is reached by name.
    authorize: (principal, screenId) => screens.authorizeCommand(principal, screenId),
    authorizeRoom: (...question) => rooms.authorize(...question),
    pruneRooms: (kind, rows, until) => rooms.prune(kind, rows, until),
    ownedScreens: (userId) => screens.ownedBy(userId),
    usernames: (ids) => identity.usernames(ids),
    limit: (userId) => core.limiter.checkBurst(`user:${userId}`),
    registerNonce: (userId, nonce, commandId) => nonces.registerNonce(userId, nonce, commandId),
  });
  const screens = createScreens({
    ...core,
    recordAudit,
    push: core.connections,
    identity,
    users: identity,
    inbox: commands,
    rateLimiter: core.limiter,
    idempotency: commands.idempotency,
  });
  const rooms = createRooms({
    ...core,
    config: roomsConfig(config),
    recordAudit,
    push: core.connections,
    streams: commands.rooms,
    screens,
    users: identity,
    idempotency: commands.idempotency,
  });
  await lifecycle.step(
    'identity',
    () => started(identity),
    (it) => it.stop(),
  );
  await lifecycle.step(
    'screens',
    () => started(screens),
    (it) => it.stop(),
  );
  await lifecycle.step(
    'commands',
    () => started(commands),
    (it, signal) => it.stop(signal),
  );
  await lifecycle.step(
    'rooms',
    () => started(rooms),
    (it) => it.stop(),
  );
  return { identity, screens, commands, rooms };
}

/** Writes into the same outbox whoever's verb it is. */
export function auditFor({ SERVICE_NAME: service }: Config, { databaseClock: now }: Core): RecordAudit {
  return createRecordAudit({ now, service });
}

async function started<Part extends { start(): Promise<void> }>(part: Part): Promise<Part> {
  await part.start();
  return part;
}
