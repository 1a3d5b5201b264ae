import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

/** A time in words; the exact one is its title. */
export function Moment({ at, children }: { at: number; children: ReactNode }) {
  const { i18n } = useTranslation();
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString(i18n.language)}>
      {children}
    </time>
  );
}
