// A call, in a page: shows everybody in the room, now and later, in the element `videos`.
export async function call(room, videos) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const peers = await room.peers({ stream });
  const shown = new Map();
  peers.on('peer', ({ participantId }) => {
    if (shown.has(participantId)) return;
    const video = Object.assign(document.createElement('video'), { autoplay: true, playsInline: true });
    shown.set(participantId, video);
    videos.append(video);
  });
  peers.on('track', ({ participantId, streams }) => {
    shown.get(participantId).srcObject = streams[0];
  });
  peers.on('state', ({ participantId, state }) => {
    const video = shown.get(participantId);
    if (video) video.title = state; // connecting, connected, disconnected …
  });
  peers.on('left', ({ participantId }) => {
    shown.get(participantId)?.remove();
    shown.delete(participantId);
  });
  return peers; // peers.close() ends the call, room.leave() that and the rest
}
