import { Skeleton } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useCommand } from '../../admin/queries.js';
import { StaleNote } from '../../admin/stale-note.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { CancelCommand } from '../../commands/cancel-command.js';
import { CommandFacts } from '../../commands/command-facts.js';
import { type ShownCommand, saying, shownState } from '../../commands/command-state.js';
import { CommandType } from '../../commands/command-type.js';
import { StateMark } from '../../commands/state-mark.js';
import { Failed } from '../../components/failed.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import styles from './command-detail-page.module.css';

const route = getRouteApi('/signed-in/commands/$commandId');

export function CommandDetailPage() {
  const { t } = useTranslation();
  const { commandId } = route.useParams();
  const { sender } = route.useSearch();
  const command = useCommand(commandId, sender);
  usePageTitle(command.data ? saying(command.data.type, command.data.payload) : t('commands.one'));
  return (
    <>
      <Link to="/commands" className={page.back}>
        <Icon name="back" /> {t('commands.title')}
      </Link>
      {command.isPending ? <Skeleton height={200} radius="md" aria-label={t('common.loading')} /> : null}
      {command.error && !command.data ? (
        <Failed
          error={command.error}
          retrying={command.isFetching}
          onRetry={() => void command.refetch()}
          back={<Link to="/commands">{t('commands.back')}</Link>}
        />
      ) : null}
      {command.data ? (
        <>
          <Head command={command.data} senderId={sender} />
          <div className={page.stack}>
            <StaleNote readAt={command.dataUpdatedAt} failed={command.error !== null} />
            <section className={page.panel} aria-label={t('commands.one')}>
              <CommandFacts command={command.data} />
            </section>
          </div>
        </>
      ) : null}
    </>
  );
}

function Head({ command, senderId }: { command: ShownCommand; senderId: string | undefined }) {
  return (
    <header className={page.head}>
      <div className={styles.title}>
        <h1>
          <bdi>{saying(command.type, command.payload)}</bdi>
        </h1>
        <p role="status" className={styles.state}>
          <StateMark state={shownState(command)} />
          <CommandType type={command.type} />
        </p>
      </div>
      <CancelCommand command={command} senderId={senderId} />
    </header>
  );
}
