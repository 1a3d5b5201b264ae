import { useTranslation } from 'react-i18next';
import { deviceName, programName } from '../format/format.js';

/** For what a device calls itself by a user agent: "Chrome on Windows", or the program's own name. */
export function useDeviceName(): (userAgent: string | null) => string {
  const { t } = useTranslation();
  return (userAgent) => {
    if (!userAgent) return t('logins.noDevice');
    const known = deviceName(userAgent);
    return known ? t('pair.deviceName', known) : programName(userAgent);
  };
}
