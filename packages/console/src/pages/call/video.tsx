import { useEffect, useRef } from 'react';
import styles from './call-page.module.css';

interface VideoProps {
  stream: MediaStream | undefined;
  label: string;
  /** Our own: nobody wants to hear themselves. */
  muted?: boolean;
  /** As in a mirror, which is how people know their own face. */
  mirrored?: boolean;
  shown: boolean;
  /** Raised when the reader allowed sound. */
  allowed?: number;
  onBlocked?(): void;
}

/** Picture and sound of somebody. Without a picture it is there for the sound. */
export function Video({
  stream,
  label,
  muted = false,
  mirrored = false,
  shown,
  allowed,
  onBlocked,
}: VideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  const blocked = useRef(onBlocked);
  blocked.current = onBlocked;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `allowed` means: try again
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    if (video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
    if (!stream) return;
    video.play().catch((error: unknown) => {
      // Browsers let a page be heard once its reader has done something on it.
      if (error instanceof DOMException && error.name === 'NotAllowedError') blocked.current?.();
    });
  }, [stream, allowed]);
  return (
    <video
      ref={element}
      className={styles.video}
      data-mirrored={mirrored}
      data-shown={shown}
      aria-label={label}
      muted={muted}
      playsInline
      autoPlay
    />
  );
}
