import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { acceptingRules } from './rules/accepting.js';
import { apiKeyRules } from './rules/api-keys.js';
import { badInputRules } from './rules/bad-input.js';
import { cancellingRules } from './rules/cancelling.js';
import { cookieModeRules } from './rules/cookie-mode.js';
import { deadLetterRules } from './rules/dead-letters.js';
import { deliveringRules } from './rules/delivering.js';
import { displayRules } from './rules/displays.js';
import { endingRules } from './rules/ending.js';
import { envelopeRules } from './rules/envelope.js';
import { handshakeRules } from './rules/handshake.js';
import { httpCommandRules } from './rules/http-commands.js';
import { httpSurfaceRules } from './rules/http-surface.js';
import { identityRules } from './rules/identity.js';
import { limitRules } from './rules/limits.js';
import { lockoutRules } from './rules/lockout.js';
import { loginRules } from './rules/logins.js';
import { pairingRules } from './rules/pairing.js';
import { passwordRules } from './rules/passwords.js';
import { receiptRules } from './rules/receipts.js';
import { roomInputRules } from './rules/room-input.js';
import { roomStreamRules } from './rules/room-streams.js';
import { roomRules } from './rules/rooms.js';
import { screenRules } from './rules/screens.js';
import { secondFactorRules } from './rules/second-factor.js';
import { signalingRules } from './rules/signaling.js';
import { socketRules } from './rules/sockets.js';
import { statusRules } from './rules/status.js';
import { tokenRules } from './rules/tokens.js';
import { type GetWorld, World } from './support/world.js';
import type { Target } from './target.js';

export type { HttpAnswer, HttpCall } from './support/http.js';
export { comparable, expectBody, expectFailure, HttpClient } from './support/http.js';
export { type Operation, operations } from './support/openapi.js';
export type { Place } from './support/places.js';
export { expectAccepted, expectRefused, nextEvent, Sockets, StockScreen, send } from './support/sockets.js';
export { type Account, type Device, navigate, trigger, World } from './support/world.js';
export type { Target } from './target.js';

/** Of what is delivered on several nodes; with less the suite would show one node over and over. */
const LEAST_CROSSED = 0.4;
/** Of the whole suite, which makes about 3,000: a share of next to nothing shows nothing either. */
const LEAST_DELIVERIES = 1000;

type Rules = (world: GetWorld) => void;

/**
 * All rules of docs/protocol.md but those of the limits, against a running server. Its rate limits must be lifted (the suite
 * makes hundreds of requests a minute from one address), and sign-up open.
 * @example conformanceSuite(async () => ({ url: 'http://127.0.0.1:3000' }))
 */
export function conformanceSuite(target: () => Promise<Target>): void {
  const families = {
    'identity [ID]': identityRules,
    'tokens [ID]': tokenRules,
    'cookie mode [ID]': cookieModeRules,
    'second factor [ID]': secondFactorRules,
    'passwords [ID]': passwordRules,
    'logins [ID]': loginRules,
    'API keys [ID]': apiKeyRules,
    'handshake [SK]': handshakeRules,
    'sockets [SK]': socketRules,
    'accepting [DL]': acceptingRules,
    'commands over HTTP [DL]': httpCommandRules,
    'delivering [DL]': deliveringRules,
    'receipts [DL]': receiptRules,
    'ending [DL]': endingRules,
    'status [DL]': statusRules,
    'displays [DL]': displayRules,
    'dead letters [DL]': deadLetterRules,
    'cancelling [DL]': cancellingRules,
    'rooms [RM]': roomRules,
    'bad input to rooms [RM]': roomInputRules,
    'streams of rooms [RM]': roomStreamRules,
    'signaling [RM]': signalingRules,
    'screens [SC]': screenRules,
    'pairing [SC]': pairingRules,
    'envelope [ER]': envelopeRules,
    'bad input [ER]': badInputRules,
    'HTTP surface [HT]': httpSurfaceRules,
  };
  suite(target, families, LEAST_DELIVERIES);
}

/** The rules of whatever makes, carries or believes a token, for a server with another JWT_ALG: the others are slow. */
export function tokenConformanceSuite(target: () => Promise<Target>): void {
  suite(target, {
    'identity [ID]': identityRules,
    'tokens [ID]': tokenRules,
    'cookie mode [ID]': cookieModeRules,
    'passwords [ID]': passwordRules,
    'logins [ID]': loginRules,
    'API keys [ID]': apiKeyRules,
    'handshake [SK]': handshakeRules,
    'sockets [SK]': socketRules,
    'pairing [SC]': pairingRules,
  });
}

/** The rules of the limits, against a server with the default limits that nothing else uses meanwhile. */
export function limitsConformanceSuite(target: () => Promise<Target>): void {
  suite(target, { 'limits [HT]': limitRules, 'lockout [ID]': lockoutRules });
}

/** @param leastDeliveries that are to be seen on several nodes */
function suite(target: () => Promise<Target>, families: Record<string, Rules>, leastDeliveries = 0): void {
  let world: World | undefined;
  beforeAll(async () => {
    world = new World(await target());
  }, 120_000);
  afterEach(() => world?.sockets.closeAll());
  afterAll(() => {
    world?.sockets.closeAll();
    world?.sockets.places.expectCrossed({ share: LEAST_CROSSED, deliveries: leastDeliveries });
  });
  for (const [name, rules] of Object.entries(families)) {
    describe(name, () =>
      rules(() => {
        if (!world) throw new Error('the target did not start');
        return world;
      }),
    );
  }
}
