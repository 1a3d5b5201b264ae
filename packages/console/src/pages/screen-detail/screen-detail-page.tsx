import type { Screen } from '@bongsu/protocol';
import { Button, Skeleton } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { mayManageScreen } from '../../admin/may-manage-screen.js';
import { keys, useScreen } from '../../admin/queries.js';
import { useServices, useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Beacon } from '../../components/beacon.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import detail from '../../components/detail.module.css';
import { Failed } from '../../components/failed.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import { RenameDialog } from '../../components/rename-dialog.js';
import { Displays } from '../../drift/displays.js';
import { Controllers } from './controllers.js';
import { ScreenCommands } from './screen-commands.js';
import { ScreenFacts } from './screen-facts.js';
import { ScreenRooms } from './screen-rooms.js';

const route = getRouteApi('/signed-in/screens/$screenId');

export function ScreenDetailPage() {
  const { t } = useTranslation();
  const { screenId } = route.useParams();
  const screen = useScreen(screenId);
  usePageTitle(screen.data?.name ?? t('screens.title'));
  return (
    <>
      <Link to="/screens" className={page.back}>
        <Icon name="back" /> {t('screens.title')}
      </Link>
      {screen.isPending ? <Skeleton height={160} radius="md" aria-label={t('common.loading')} /> : null}
      {screen.error && !screen.data ? (
        <Failed
          error={screen.error}
          retrying={screen.isFetching}
          onRetry={() => void screen.refetch()}
          back={<Link to="/screens">{t('notFound.toScreens')}</Link>}
        />
      ) : null}
      {screen.data ? <Loaded screen={screen.data} /> : null}
    </>
  );
}

function Loaded({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayManage = mayManageScreen(useUser(), screen);
  return (
    <>
      <header className={page.head}>
        <h1 className={detail.name}>
          <Beacon lit={screen.online} />
          <bdi>{screen.name}</bdi>
        </h1>
        <div className={detail.actions}>
          {mayManage ? <Manage screen={screen} /> : null}
          <Button onClick={() => void navigate({ to: '/try', search: { screen: screen.screenId } })}>
            {t('tryIt.title')}
          </Button>
        </div>
      </header>
      <div className={page.stack}>
        <ScreenFacts screen={screen} />
        <Displays screen={screen} />
        <ScreenCommands screenId={screen.screenId} mayManage={mayManage} />
        <Controllers screen={screen} mayManage={mayManage} />
        {mayManage ? <ScreenRooms screenId={screen.screenId} /> : null}
      </div>
    </>
  );
}

function Manage({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [open, setOpen] = useState<'rename' | 'delete'>();
  const close = () => setOpen(undefined);
  async function deleted() {
    await navigate({ to: '/screens' });
    queryClient.removeQueries({ queryKey: keys.screen(screen.screenId) });
    await queryClient.invalidateQueries({ queryKey: keys.screens });
  }
  return (
    <>
      <Button variant="subtle" color="red" onClick={() => setOpen('delete')}>
        {t('common.delete')}
      </Button>
      <Button variant="default" onClick={() => setOpen('rename')}>
        {t('rename.open')}
      </Button>
      <RenameDialog
        title={t('rename.title')}
        label={t('pair.name')}
        name={screen.name}
        opened={open === 'rename'}
        onClose={close}
        action={(name) => api.renameScreen(screen.screenId, name)}
        onDone={() => void queryClient.invalidateQueries({ queryKey: keys.screens })}
      />
      <ConfirmDialog
        opened={open === 'delete'}
        onClose={close}
        title={t('deleteScreen.title', { name: screen.name })}
        confirm={t('deleteScreen.confirm')}
        action={() => api.deleteScreen(screen.screenId)}
        onDone={() => void deleted()}
      >
        {t('deleteScreen.text')}{' '}
        {screen.pending > 0 ? t('deleteScreen.pending', { count: screen.pending }) : null}
      </ConfirmDialog>
    </>
  );
}
