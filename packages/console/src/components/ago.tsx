import { useTranslation } from 'react-i18next';
import { ago } from '../format/format.js';
import { Moment } from './moment.js';
import { useNow } from './use-now.js';

const TICK_MS = 30_000;

/** "5 minutes ago", kept right while it is looked at; the exact time is its title. */
export function Ago({ at }: { at: number }) {
  const { t, i18n } = useTranslation();
  const now = useNow(TICK_MS);
  return <Moment at={at}>{ago(at, now, i18n.language) ?? t('common.justNow')}</Moment>;
}
