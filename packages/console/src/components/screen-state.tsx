import type { Screen } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Ago } from './ago.js';

/** "Online", "Offline, last seen …", "Never connected". */
export function ScreenState({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  if (screen.online) return <>{t('screens.online')}</>;
  if (screen.lastConnectedAt === null) return <>{t('screens.never')}</>;
  return (
    <>
      {t('screens.offline')} <Ago at={screen.lastConnectedAt} />
    </>
  );
}
