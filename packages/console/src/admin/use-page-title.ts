import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';

/** Names the tab. A route change is otherwise silent to a screen reader. */
export function usePageTitle(title: string): void {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = t('common.pageTitle', { title });
  }, [t, title]);
}
