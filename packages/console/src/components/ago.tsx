import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ago } from '../format/format.js';

const TICK_MS = 30_000;

/** "5 minutes ago", kept right while it is looked at; the exact time is its title. */
export function Ago({ at }: { at: number }) {
  const { i18n } = useTranslation();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString(i18n.language)}>
      {ago(at, now, i18n.language)}
    </time>
  );
}
