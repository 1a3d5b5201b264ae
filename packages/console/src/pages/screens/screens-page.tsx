import { Button, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useScreens } from '../../admin/queries.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Empty } from '../../components/empty.js';
import { Failed } from '../../components/failed.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import { OpenScreenPage } from './open-screen-page.js';
import { PairDialog } from './pair-dialog.js';
import { ScreenRow } from './screen-row.js';
import styles from './screens-page.module.css';

export function ScreensPage() {
  const { t } = useTranslation();
  const screens = useScreens();
  const [pairing, setPairing] = useState(false);
  usePageTitle(t('screens.title'));
  const pair = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setPairing(true)}>
      {t('pair.open')}
    </Button>
  );
  const online = screens.data?.filter((screen) => screen.online).length ?? 0;
  const count = screens.data?.length ?? 0;
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('screens.title')}</h1>
          {count > 0 ? <p className={page.lead}>{t('screens.summary', { count, online })}</p> : null}
        </div>
        {count > 0 ? pair : null}
      </header>
      <div className={page.stack}>
        {screens.isPending ? <Skeleton height={88} radius="md" aria-label={t('common.loading')} /> : null}
        {screens.error && !screens.data ? (
          <Failed
            error={screens.error}
            retrying={screens.isFetching}
            onRetry={() => void screens.refetch()}
          />
        ) : null}
        {screens.data && count > 0 ? (
          <ul className={styles.list}>
            {screens.data.map((screen) => (
              <ScreenRow key={screen.screenId} screen={screen} />
            ))}
          </ul>
        ) : null}
        {screens.data && count === 0 ? (
          <Empty title={t('screens.emptyTitle')}>
            <ol>
              <li>{t('screens.emptyStep1')}</li>
              <li>{t('screens.emptyStep2')}</li>
              <li>{t('screens.emptyStep3')}</li>
            </ol>
            <div className={styles.actions}>
              {pair}
              <OpenScreenPage />
            </div>
          </Empty>
        ) : null}
        {count > 0 ? (
          <p className={styles.hint}>
            {t('screens.anotherHint')} <OpenScreenPage plain />
          </p>
        ) : null}
      </div>
      <PairDialog opened={pairing} onClose={() => setPairing(false)} />
    </>
  );
}
