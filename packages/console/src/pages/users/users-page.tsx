import { Button, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { identityKeys, useUsers } from '../../admin/identity-queries.js';
import { PagedList } from '../../admin/paged-list.js';
import { useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { DoneNote } from '../../components/done-note.js';
import page from '../../components/page.module.css';
import { NotFoundPage } from '../not-found/not-found-page.js';
import { UserRow } from './user-row.js';
import styles from './users-page.module.css';

/** Everybody who has an account here; for administrators. */
export function UsersPage() {
  const user = useUser();
  // For others this page does not exist, as its calls do not.
  return user?.role === 'admin' ? <Users userId={user.userId} /> : <NotFoundPage />;
}

function Users({ userId }: { userId: string }) {
  const { t } = useTranslation();
  // Not in the address bar, where other people's addresses would stay in the history.
  const [email, setEmail] = useState('');
  const [done, setDone] = useState<string>();
  const query = useUsers(email);
  const queryClient = useQueryClient();
  usePageTitle(t('users.title'));
  function tell(what: string) {
    setDone(what);
    void queryClient.invalidateQueries({ queryKey: identityKeys.users });
  }
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('users.title')}</h1>
          <p className={page.lead}>{t('users.lead')}</p>
        </div>
      </header>
      <div className={page.stack}>
        <Search
          searching={email !== ''}
          onSearch={(address) => {
            setDone(undefined);
            setEmail(address);
          }}
        />
        <DoneNote>{done}</DoneNote>
        <PagedList
          query={query}
          label={t('users.title')}
          empty={<p className={styles.none}>{t('users.none')}</p>}
        >
          {(items) =>
            items.map((user) => (
              <UserRow key={user.userId} user={user} you={user.userId === userId} onDone={tell} />
            ))
          }
        </PagedList>
      </div>
    </>
  );
}

/** Addresses are stored so that only a whole one can be found. */
function Search({ searching, onSearch }: { searching: boolean; onSearch(email: string): void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  function search(event: FormEvent) {
    event.preventDefault();
    onSearch(typed.trim());
  }
  return (
    <search>
      <form className={styles.search} onSubmit={search}>
        <TextInput
          type="email"
          label={t('account.email')}
          description={t('users.searchHint')}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
        />
        <Button type="submit" variant="default">
          {t('users.search')}
        </Button>
        {searching ? (
          <Button
            variant="subtle"
            onClick={() => {
              setTyped('');
              onSearch('');
            }}
          >
            {t('users.all')}
          </Button>
        ) : null}
      </form>
    </search>
  );
}
