import type { RoomsDeps } from './deps.js';
import { IceServerList } from './ice-servers.js';
import { Newcomers } from './newcomers.js';
import { RoomFeed } from './room-feed.js';
import type { RoomParts, Seats } from './seams.js';
import { SignalBus } from './signal-bus.js';
import { signalEvents } from './signal-events.js';
import { SignalRelay } from './signals.js';

/** @param seats what the parts may ask of who is where */
export type MakeParts = (deps: RoomsDeps, seats: Seats) => RoomParts;

/** What a room has beside those who are in it: its stream, its signaling, the servers of its calls. */
export const roomParts: MakeParts = (deps, seats) => {
  const { config, databaseClock, limiter } = deps;
  const touch: Seats['touch'] = (room) => seats.touch(room);
  const bus = new SignalBus({ ...deps, seats });
  const relay = new SignalRelay({
    ...deps,
    seats,
    others: bus,
    noteActivity: touch,
    keepWords: (seat) => seats.keepWords(seat),
  });
  const newcomers = deps.ephemeral.kind === 'redis' ? new Newcomers({ ...deps, seats }) : undefined;
  // Twice as many at once: a call with many people begins with a burst.
  const pace = { perSecond: config.signalsPerSecond, burst: 2 * config.signalsPerSecond };
  return {
    feed: new RoomFeed({ ...deps, touch, graceMs: config.graceMs }),
    signals: relay,
    events: signalEvents({ relay, newcomers, countSignal: limiter.burstLimit('signal', pace) }),
    listen: () => bus.listen(relay),
    iceServers: new IceServerList(config.turn, databaseClock),
  };
};
