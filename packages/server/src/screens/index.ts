import type { FastifyPluginAsync } from 'fastify';
import type { Principal } from '../platform/principal.js';

/** What commands and the gateway use of screens. */
export interface Screens {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * May this principal command the screen? Undefined for a screen that does not exist or belongs to somebody else; the two must
   * not be told apart. Cached; a change of rights on any surface of this process shows at once.
   */
  authorizeCommand(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined>;
  /** Who hears of a screen's coming and going: its owner and controllers. */
  watchers(screenId: string): Promise<string[]>;
  /** A screen's socket took the fence, or the last one went. Updates presence and tells the watchers. */
  setOnline(screenId: string, online: boolean): Promise<void>;
  routes: FastifyPluginAsync;
}

export interface ScreenGrant {
  screenId: string;
  streamId: number;
  role: 'owner' | 'controller' | 'admin';
}
