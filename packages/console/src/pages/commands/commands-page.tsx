import { NativeSelect } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useScreens } from '../../admin/queries.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { CommandList } from '../../commands/command-list.js';
import { Empty } from '../../components/empty.js';
import page from '../../components/page.module.css';

const route = getRouteApi('/signed-in/commands');

export function CommandsPage() {
  const { t } = useTranslation();
  const { screen } = route.useSearch();
  const navigate = useNavigate();
  const { data: screens = [] } = useScreens();
  usePageTitle(t('commands.title'));
  // One that is gone still filters, and must be seen to do so.
  const gone = screen !== undefined && !screens.some(({ screenId }) => screenId === screen);
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('commands.title')}</h1>
          <p className={page.lead}>{t('commands.lead')}</p>
        </div>
        <NativeSelect
          label={t('commands.screen')}
          value={screen ?? ''}
          onChange={({ currentTarget: { value } }) =>
            void navigate({ to: '/commands', search: value ? { screen: value } : {}, replace: true })
          }
          data={[
            { value: '', label: t('commands.allScreens') },
            ...screens.map(({ screenId, name }) => ({ value: screenId, label: name })),
            ...(gone ? [{ value: screen, label: screen }] : []),
          ]}
        />
      </header>
      <CommandList
        screenId={screen}
        empty={
          <Empty title={screen ? t('commands.emptyScreenTitle') : t('commands.emptyTitle')}>
            <p>{t('commands.empty')}</p>
            <Link to="/try" search={screen ? { screen } : {}}>
              {t('commands.toTryIt')}
            </Link>
          </Empty>
        }
      />
    </>
  );
}
