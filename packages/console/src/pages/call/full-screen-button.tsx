import { type RefObject, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import styles from './call-page.module.css';

interface FullScreenButtonProps {
  of: RefObject<HTMLElement | null>;
  large: boolean;
}

/** For a tile that is large, where the browser can; in full screen there is always a way out. */
export function FullScreenButton({ of, large }: FullScreenButtonProps) {
  const { t } = useTranslation();
  const [isFull, setIsFull] = useState(false);
  useEffect(() => {
    const follow = () =>
      setIsFull(document.fullscreenElement !== null && document.fullscreenElement === of.current);
    document.addEventListener('fullscreenchange', follow);
    return () => document.removeEventListener('fullscreenchange', follow);
  }, [of]);
  if (!document.fullscreenEnabled || !(large || isFull)) return null;
  async function toggle() {
    try {
      await (isFull ? document.exitFullscreen() : of.current?.requestFullscreen());
    } catch {
      // The browser says no, and all stays as it is.
    }
  }
  return (
    <button type="button" className={styles.action} data-full onClick={() => void toggle()}>
      {isFull ? t('call.fullScreenEnd') : t('call.fullScreen')}
    </button>
  );
}
