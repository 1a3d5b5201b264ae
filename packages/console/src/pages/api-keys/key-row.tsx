import type { ApiKey, CreatedApiKey } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { useServerNow } from '../../admin/use-server-now.js';
import { Ago } from '../../components/ago.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { Moment } from '../../components/moment.js';
import { Tag } from '../../components/tag.js';
import { until } from '../../format/format.js';
import styles from './api-keys-page.module.css';
import { RotateDialog } from './rotate-dialog.js';
import { scopeParts } from './scopes.js';

const TICK_MS = 60_000;

interface KeyRowProps {
  apiKey: ApiKey;
  onRotated(key: CreatedApiKey): void;
  onDeleted(): void;
}

export function KeyRow({ apiKey, onRotated, onDeleted }: KeyRowProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const now = useServerNow(TICK_MS);
  const [asking, setAsking] = useState<'rotate' | 'delete'>();
  const { id, name, expiresAt, rotatedTo } = apiKey;
  const over = expiresAt !== null && expiresAt <= now;
  const close = () => setAsking(undefined);
  return (
    <li className={styles.key} data-testid="api-key">
      <KeyFacts apiKey={apiKey} now={now} over={over} />
      <div className={styles.buttons}>
        {rotatedTo === null && !over ? (
          <Button
            variant="default"
            size="xs"
            aria-label={t('apiKeys.rotateNamed', { name })}
            onClick={() => setAsking('rotate')}
          >
            {t('apiKeys.rotate')}
          </Button>
        ) : null}
        <Button
          variant="subtle"
          color="red"
          size="xs"
          aria-label={t('apiKeys.deleteNamed', { name })}
          onClick={() => setAsking('delete')}
        >
          {t('common.delete')}
        </Button>
      </div>
      <RotateDialog
        apiKey={apiKey}
        opened={asking === 'rotate'}
        onClose={close}
        onRotated={(key) => {
          close();
          onRotated(key);
        }}
      />
      <ConfirmDialog
        opened={asking === 'delete'}
        onClose={close}
        title={t('apiKeys.deleteTitle', { name })}
        confirm={t('apiKeys.deleteConfirm')}
        action={() => api.deleteApiKey(id)}
        onDone={() => {
          close();
          onDeleted();
        }}
      >
        {t('apiKeys.deleteText')}
      </ConfirmDialog>
    </li>
  );
}

function KeyFacts({ apiKey, now, over }: { apiKey: ApiKey; now: number; over: boolean }) {
  const { t } = useTranslation();
  const { name, scopes, createdAt, expiresAt, lastUsedAt, rotatedTo } = apiKey;
  return (
    <div className={styles.what}>
      <p className={styles.name}>
        <strong>
          <bdi>{name}</bdi>
        </strong>{' '}
        {rotatedTo === null ? null : <Tag>{t('apiKeys.replaced')}</Tag>}{' '}
        {over ? <Tag tone="alert">{t('apiKeys.over')}</Tag> : null}
      </p>
      <p className={styles.soft}>
        {t('apiKeys.created')} <Ago at={createdAt} /> ·{' '}
        {lastUsedAt === null ? (
          t('apiKeys.unused')
        ) : (
          <>
            {t('apiKeys.lastUsed')} <Ago at={lastUsedAt} />
          </>
        )}{' '}
        · <End expiresAt={expiresAt} now={now} />
      </p>
      <ul className={styles.tags} aria-label={t('apiKeys.scopes')}>
        {scopes.map((scope) => {
          const { area, verb } = scopeParts(scope);
          return (
            <li key={scope} title={t(`scopes.${area}.${verb}`)}>
              <code>{scope}</code>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function End({ expiresAt, now }: { expiresAt: number | null; now: number }) {
  const { t, i18n } = useTranslation();
  if (expiresAt === null) return <>{t('apiKeys.neverEnds')}</>;
  if (expiresAt <= now) {
    return (
      <>
        {t('apiKeys.ended')} <Ago at={expiresAt} />
      </>
    );
  }
  return (
    <>
      {t('apiKeys.ends')}{' '}
      <Moment at={expiresAt}>{until(expiresAt, now, i18n.language, Math.round) ?? t('apiKeys.soon')}</Moment>
    </>
  );
}
