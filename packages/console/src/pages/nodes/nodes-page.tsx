import type { NodeInfo } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { useNodes } from '../../admin/node-queries.js';
import { PagedList } from '../../admin/paged-list.js';
import { useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import page from '../../components/page.module.css';
import { NotFoundPage } from '../not-found/not-found-page.js';
import { Connections } from './connections.js';
import { DegradedNote } from './degraded-note.js';
import { NodeRow } from './node-row.js';

/** The nodes of the server and what is connected to them; for administrators. */
export function NodesPage() {
  const user = useUser();
  // For others this page does not exist, as its calls do not.
  return user?.role === 'admin' ? <Nodes userId={user.userId} /> : <NotFoundPage />;
}

function Nodes({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const query = useNodes();
  usePageTitle(t('nodes.title'));
  const nodes = query.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('nodes.title')}</h1>
          <p className={page.lead}>{t('nodes.lead')}</p>
        </div>
      </header>
      <div className={page.stack}>
        <DegradedNote />
        <PagedList query={query} label={t('nodes.title')} empty={null}>
          {(items) =>
            items.map((node) => (
              <NodeRow
                key={node.name}
                node={node}
                share={shareOf(node, items)}
                isExact={items.every(hasAnswered)}
              />
            ))
          }
        </PagedList>
        <Connections userId={userId} nodes={nodes.map(({ name }) => name)} />
      </div>
    </>
  );
}

const hasAnswered = ({ connections }: NodeInfo) => connections !== null;

/** The part of all connections that are known of; 0 where nothing is connected. */
function shareOf({ connections }: NodeInfo, nodes: readonly NodeInfo[]): number {
  const all = nodes.reduce((sum, node) => sum + (node.connections ?? 0), 0);
  return all === 0 ? 0 : (connections ?? 0) / all;
}
