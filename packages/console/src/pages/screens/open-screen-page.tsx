import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';

/** Opens /screen in a window of its own, which then is a screen. */
export function OpenScreenPage({ plain = false }: { plain?: boolean }) {
  const { t } = useTranslation();
  const link = { href: '/screen', target: '_blank', rel: 'noopener' };
  if (plain) return <a {...link}>{t('screens.openScreenPage')}</a>;
  return (
    <Button component="a" variant="default" rightSection={<Icon name="external" />} {...link}>
      {t('screens.openScreenPage')}
    </Button>
  );
}
