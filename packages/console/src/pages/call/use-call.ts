import { useEffect, useState, useSyncExternalStore } from 'react';
import { useServices } from '../../admin/services.js';
import { browserMedia } from '../../rooms/browser-media.js';
import { Call } from '../../rooms/call.js';
import { LocalMedia } from '../../rooms/local-media.js';
import { dropSeatNote, leaveSeatNote, readSeatNote } from '../../rooms/seat-note.js';

/** A call for as long as the page is shown. One that was cut by a reload goes on by itself; else devices rest until `resume`. */
export function useCall(roomId: string): Call | undefined {
  const { live } = useServices();
  const [call, setCall] = useState<Call>();
  useEffect(() => {
    const made = new Call({
      media: new LocalMedia(browserMedia()),
      enter: (options) => live.joinRoom(roomId, options),
      newStream: (tracks) => new MediaStream(tracks),
    });
    setCall(made);
    const before = readSeatNote(roomId);
    // Who was muted stays so: nobody asked for a microphone by reloading.
    if (before) void made.media.start(before.devices);
    else made.media.rest();
    let isOver = false;
    if (before)
      void made.join(before.participantId).then(() => {
        // One that was cut again on its way back has yet to come back.
        if (!isOver) dropSeatNote(roomId);
      });
    const onPageHide = () => {
      const { participantId } = made.state;
      if (participantId !== undefined) leaveSeatNote(roomId, { participantId, devices: made.media.inUse });
    };
    addEventListener('pagehide', onPageHide);
    return () => {
      isOver = true;
      removeEventListener('pagehide', onPageHide);
      made.close();
      setCall(undefined);
    };
  }, [live, roomId]);
  return call;
}

export function useCallState(call: Call) {
  return useSyncExternalStore(call.subscribe, () => call.state);
}
