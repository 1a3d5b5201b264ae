import type { FastifyPluginAsync } from 'fastify';
import type { Queryable } from '../platform/database/database.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import type { Events } from '../platform/surface.js';
import { ScreenRights } from './authorize.js';
import type { ScreenGrant, ScreensConfig, ScreensContext, ScreensDeps } from './deps.js';
import { screenEvents } from './events.js';
import { LostScreens } from './lost-screens.js';
import { PAIRING_LIMITS } from './pairing-limits.js';
import { ScreenPresence } from './presence.js';
import { screenRoutes } from './routes.js';
import { deletePairingsBefore } from './store/pairings.js';
import { listNames, listOwned } from './store/screens.js';
import { takeBackScreens } from './take-back.js';

export type { ScreenGrant, ScreensConfig, ScreensDeps } from './deps.js';
export { takeBackScreens } from './take-back.js';

/** What commands and the gateway use of screens. */
export interface Screens {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * May this principal command the screen? Undefined for a screen that does not exist or belongs to somebody else; the two must
   * not be told apart. Cached; a change of rights on any surface of this process shows at once, and nobody is refused from memory.
   */
  authorizeCommand(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined>;
  /** As `authorizeCommand`, by the rows: until the transaction ends nobody takes the right to command the screen away. */
  holdCommanded(tx: Queryable, user: UserPrincipal, screenId: string): Promise<ScreenGrant | undefined>;
  /**
   * Somebody is an administrator no more, or disabled, in this transaction: the screens that they put into rooms by it are taken out.
   */
  takeBack(tx: Queryable, userId: string, isDisabled: boolean): Promise<void>;
  /** The ids of the screens that a user owns. */
  ownedBy(userId: string): Promise<string[]>;
  /** By id; of those that exist. */
  namesOf(screenIds: string[]): Promise<ReadonlyMap<string, string>>;
  /** Who hears of a screen's coming and going: its owner and controllers. */
  watchers(screenId: string): Promise<string[]>;
  /** A screen's socket took the fence, or the last one went. Updates presence and tells the watchers. Never rejects. */
  setOnline(screenId: string, online: boolean): Promise<void>;
  routes: FastifyPluginAsync;
  events: Events;
}

const SWEEP_PERIOD_MS = 60_000;

/**
 * Screens, who may command them, and pairing.
 * @example const screens = createScreens(deps); await screens.start(); app.register(screens.routes, { prefix: '/api' })
 */
export function createScreens(
  deps: ScreensDeps,
  config: ScreensConfig = { pairing: PAIRING_LIMITS },
): Screens {
  const rights = new ScreenRights(deps);
  const presence = new ScreenPresence(deps);
  const lost = new LostScreens(deps);
  const context: ScreensContext = { ...deps, config, rights, presence };
  let stopSweeping = () => {};
  return {
    async start() {
      rights.start();
      presence.start();
      lost.start();
      stopSweeping = deps.clock.every(SWEEP_PERIOD_MS, () => void sweepPairings(context));
    },
    async stop() {
      stopSweeping();
      await lost.stop();
      await presence.stop();
      rights.stop();
    },
    authorizeCommand: (principal, screenId) => rights.authorizeCommand(principal, screenId),
    holdCommanded: (tx, user, screenId) => rights.holdCommanded(tx, user, screenId),
    takeBack: (tx, userId, isDisabled) => takeBackScreens(deps.inbox, tx, userId, isDisabled),
    ownedBy: (userId) => listOwned(deps.database, userId),
    namesOf: (screenIds) => listNames(deps.database, screenIds),
    watchers: (screenId) => rights.watchers(screenId),
    setOnline: (screenId, online) => presence.setOnline(screenId, online),
    routes: screenRoutes(context),
    events: screenEvents(context),
  };
}

/** Ended pairings stay as long again, so that their devices learn that they ended and claims can be repeated. */
async function sweepPairings({ database, databaseClock, config, log }: ScreensContext): Promise<void> {
  try {
    await deletePairingsBefore(database, Math.floor(databaseClock()) - config.pairing.lifetimeMs);
  } catch (error) {
    log.warn({ err: error }, 'Ended pairings could not be removed');
  }
}
