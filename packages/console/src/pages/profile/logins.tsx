import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { identityKeys, useLogins } from '../../admin/identity-queries.js';
import { PagedList } from '../../admin/paged-list.js';
import { useServices } from '../../admin/services.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { DoneNote } from '../../components/done-note.js';
import { LoginRow } from './login-row.js';
import styles from './profile-page.module.css';

/** Where one is signed in, and the way to end what one does not know. */
export function Logins() {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const query = useLogins();
  const [asking, setAsking] = useState(false);
  const [ended, setEnded] = useState<string>();
  const others = query.data?.pages.flatMap(({ items }) => items).filter(({ current }) => !current) ?? [];
  function tell(what: string) {
    setEnded(what);
    void queryClient.invalidateQueries({ queryKey: identityKeys.logins });
  }
  return (
    <section className={styles.section} aria-labelledby="logins">
      <div className={styles.sectionHead}>
        <div>
          <h2 id="logins">{t('logins.title')}</h2>
          <p className={styles.hint}>{t('logins.lead')}</p>
        </div>
        {others.length > 0 ? (
          <Button variant="default" onClick={() => setAsking(true)}>
            {t('logins.endOthers')}
          </Button>
        ) : null}
      </div>
      <DoneNote>{ended}</DoneNote>
      <PagedList query={query} label={t('logins.title')} empty={null}>
        {(items) =>
          items.map((login) => (
            <LoginRow key={login.id} login={login} onEnded={() => tell(t('logins.ended'))} />
          ))
        }
      </PagedList>
      <ConfirmDialog
        opened={asking}
        onClose={() => setAsking(false)}
        title={t('logins.endOthersTitle')}
        confirm={t('logins.endOthers')}
        action={() => api.endOtherLogins()}
        onDone={() => {
          setAsking(false);
          tell(t('logins.endedOthers'));
        }}
      >
        {t('logins.endOthersText')}
      </ConfirmDialog>
    </section>
  );
}
