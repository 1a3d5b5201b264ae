import type { CreatedApiKey } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { identityKeys, useApiKeys } from '../../admin/identity-queries.js';
import { PagedList } from '../../admin/paged-list.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { DoneNote } from '../../components/done-note.js';
import { Empty } from '../../components/empty.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import { KeyRow } from './key-row.js';
import { NewKey } from './new-key.js';
import { NewKeyForm } from './new-key-form.js';

/** What stands above the list: nothing, the form, or the key that was just made. */
type Doing = { kind: 'making' } | { kind: 'made'; key: CreatedApiKey };

export function ApiKeysPage() {
  const { t } = useTranslation();
  const query = useApiKeys();
  const queryClient = useQueryClient();
  const [doing, setDoing] = useState<Doing>();
  const [deleted, setDeleted] = useState<string>();
  usePageTitle(t('apiKeys.title'));
  const readAgain = () => void queryClient.invalidateQueries({ queryKey: identityKeys.apiKeys });
  function show(key: CreatedApiKey) {
    setDeleted(undefined);
    setDoing({ kind: 'made', key });
    readAgain();
  }
  const make = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setDoing({ kind: 'making' })}>
      {t('apiKeys.make')}
    </Button>
  );
  const empty = (
    <Empty title={t('apiKeys.emptyTitle')}>
      <p>{t('apiKeys.empty')}</p>
      {make}
    </Empty>
  );
  const some = query.data?.pages.some(({ items }) => items.length > 0) === true;
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('apiKeys.title')}</h1>
          <p className={page.lead}>{t('apiKeys.lead')}</p>
        </div>
        {some && !doing ? make : null}
      </header>
      <div className={page.stack}>
        {doing?.kind === 'making' ? <NewKeyForm onCancel={() => setDoing(undefined)} onMade={show} /> : null}
        {doing?.kind === 'made' ? <NewKey made={doing.key} onDone={() => setDoing(undefined)} /> : null}
        <DoneNote>{deleted === undefined ? null : t('apiKeys.deleted', { name: deleted })}</DoneNote>
        <PagedList query={query} label={t('apiKeys.title')} empty={doing ? null : empty}>
          {(items) =>
            items.map((key) => (
              <KeyRow
                key={key.id}
                apiKey={key}
                onRotated={show}
                onDeleted={() => {
                  setDeleted(key.name);
                  readAgain();
                }}
              />
            ))
          }
        </PagedList>
      </div>
    </>
  );
}
