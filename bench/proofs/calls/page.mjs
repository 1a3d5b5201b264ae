// Runs in a browser window: somebody who calls everybody in a room by the SDK, shows who is there, and notes each picture that moves on.
// First: what it puts in place is there when the SDK is loaded.
import './signal-log.mjs';
import { connect } from '../../../packages/client/dist/index.js';
import { signalLog } from './signal-log.mjs';

const LOOK_EVERY_MS = 50;
const VIDEO = { width: 160, height: 120, frameRate: 10 };
/** participantId → { userId, video, frames }, of those with a picture. */
const tiles = new Map();
/** userId → when their picture moved on, in milliseconds since 1970. */
const moves = new Map();
const events = [];
const extra = [];
let room;
let peers;

const note = (event, { participantId, ...rest }) =>
  events.push({ at: Date.now(), event, participantId, ...rest });

/** `turnPort`: the port of the TURN server as others know it, and the one by which we reach it. */
async function enter({ token, roomId, isFirst, relay, turnPort }) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: VIDEO });
  const client = connect({ url: location.origin, token });
  client.on('state', ({ state }) => note(`socket ${state}`, {}));
  const seat = sessionStorage.getItem('seat');
  room = isFirst
    ? await client.createRoom({ name: 'Call', roomId, maxUsers: 10 })
    : await client.joinRoom(roomId, seat ? { participantId: seat } : {});
  sessionStorage.setItem('seat', room.participantId);
  listen();
  peers = await room.peers({
    stream,
    ...(relay ? { config: { iceTransportPolicy: 'relay' } } : {}),
    ...(turnPort ? { RTCPeerConnection: throughPort(turnPort) } : {}),
  });
  peers.on('peer', ({ participantId }) => hide(participantId));
  peers.on('track', show);
  peers.on('left', ({ participantId }) => hide(participantId));
  peers.on('state', ({ participantId, state }) => note(`media ${state}`, { participantId }));
  peers.on('error', ({ participantId, error }) => note('error', { participantId, text: String(error) }));
  return room.participantId;
}

function listen() {
  for (const event of ['joined', 'left', 'reconnecting', 'returned'])
    room.on(event, ({ participantId, reason, resumed }) => note(event, { participantId, reason, resumed }));
  room.on('rejoined', ({ participantId, anew }) => {
    sessionStorage.setItem('seat', participantId);
    note('rejoined', { participantId, anew });
  });
  room.on('closed', ({ reason }) => note('closed', { reason }));
}

/** Each person reaches the same TURN server by a network of their own. */
function throughPort({ from, to }) {
  const moved = ({ iceServers = [], ...configuration }) => ({
    ...configuration,
    iceServers: iceServers.map(({ urls, ...server }) => ({
      ...server,
      urls: [urls].flat().map((url) => url.replace(`:${from}`, `:${to}`)),
    })),
  });
  return class extends RTCPeerConnection {
    constructor(configuration) {
      super(moved(configuration));
    }
    setConfiguration(configuration) {
      super.setConfiguration(moved(configuration));
    }
  };
}

function show({ participantId, track }) {
  // Their camera comes first; another connection has hidden it before.
  if (track.kind !== 'video' || tiles.has(participantId)) return;
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([track]) });
  document.body.append(video);
  const { userId } = room.participants.get(participantId) ?? {};
  tiles.set(participantId, { userId, video, frames: 0 });
}

function hide(participantId) {
  tiles.get(participantId)?.video.remove();
  tiles.delete(participantId);
}

setInterval(() => {
  for (const tile of tiles.values()) {
    const frames = tile.video.getVideoPlaybackQuality().totalVideoFrames;
    if (frames === tile.frames) continue;
    const times = moves.get(tile.userId) ?? [];
    moves.set(tile.userId, times);
    for (let more = tile.frames; more < frames; more += 1) times.push(Date.now());
    times.splice(0, times.length - 1000);
    tile.frames = frames;
  }
}, LOOK_EVERY_MS);

/** All that there is to see from outside. */
function look() {
  return {
    participantId: room?.participantId,
    state: room?.state,
    others: [...(room?.participants.keys() ?? [])],
    tiles: [...tiles.keys()],
    moves: Object.fromEntries(moves),
    links: [...(peers?.connections ?? [])].map(([participantId, connection]) => ({
      participantId,
      ice: connection.iceConnectionState,
      signaling: connection.signalingState,
    })),
    signals: signalLog.look(),
    events,
  };
}

/** Something that needs a negotiation, with everybody at once. */
const CHANGES = {
  restart: (connection) => connection.restartIce(),
  direction(connection) {
    const audio = connection
      .getTransceivers()
      .find(({ sender, receiver }) => sender.track?.kind === 'audio' && receiver.track.kind === 'audio');
    audio.direction = audio.direction === 'sendrecv' ? 'sendonly' : 'sendrecv';
  },
};

function change(what) {
  if (what === 'track') {
    const [track] = document.createElement('canvas').captureStream(1).getVideoTracks();
    const context = document.createElement('canvas').getContext('2d');
    extra.push({ track, context });
    peers.addTrack(track);
  } else for (const connection of peers.connections.values()) CHANGES[what](connection);
}

/** Which kinds of candidates the connections in use have, e.g. `relay/relay`. */
async function routes() {
  const found = [];
  for (const connection of peers.connections.values()) {
    const stats = await connection.getStats();
    const transport = [...stats.values()].find(({ type }) => type === 'transport');
    const pair = stats.get(transport?.selectedCandidatePairId);
    const kindOf = (id) => stats.get(id)?.candidateType;
    found.push(`${kindOf(pair?.localCandidateId)}/${kindOf(pair?.remoteCandidateId)}`);
  }
  return found;
}

globalThis.caller = { enter, look, change, routes };
