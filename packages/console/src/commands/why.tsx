import { type Delivery, UNREADABLE_RECEIPT } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { useServerNow } from '../admin/use-server-now.js';
import { Moment } from '../components/moment.js';
import { until } from '../format/format.js';
import { ScreenSaid, WhyDead } from './why-dead.js';

const TICK_MS = 10_000;

interface WhyProps {
  delivery: Delivery;
  /** Whether its screen is there now; undefined when nobody knows. */
  online: boolean | undefined;
}

/** Why a delivery is where it is; nothing for what needs no explanation. */
export function Why({ delivery, online }: WhyProps) {
  const { t } = useTranslation();
  const { status, attempts, error, reason } = delivery;
  switch (status) {
    case 'executed':
      return null;
    case 'pending':
      return online === false ? t('commands.waitsForScreen') : null;
    case 'retrying':
      return (
        <>
          {error === UNREADABLE_RECEIPT ? (
            t('commands.unreadable')
          ) : (
            <>
              {t('commands.failedSoFar', { count: attempts })} <ScreenSaid error={error} />
            </>
          )}{' '}
          <NextSend at={delivery.nextAt} online={online} />
        </>
      );
    case 'dead':
      if (reason) return <WhyDead reason={reason} attempts={attempts} error={error} />;
      return <>{t('command.deadMeaning')}</>;
    default:
      return <>{t(`command.${status}Meaning`)}</>;
  }
}

function NextSend({ at, online }: { at: number | undefined; online: boolean | undefined }) {
  const { t, i18n } = useTranslation();
  const now = useServerNow(TICK_MS);
  if (online === false) return <>{t('commands.nextWhenBack')}</>;
  if (at === undefined) return null;
  const time = until(at, now, i18n.language);
  return <Moment at={at}>{time ? t('commands.nextAt', { time }) : t('commands.nextSoon')}</Moment>;
}
