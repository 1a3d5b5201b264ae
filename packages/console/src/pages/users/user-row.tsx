import type { ManagedUser } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { Ago } from '../../components/ago.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { Tag } from '../../components/tag.js';
import styles from './users-page.module.css';

type Change = 'promote' | 'demote' | 'disable' | 'enable';

const BODIES = {
  promote: { role: 'admin' },
  demote: { role: 'user' },
  disable: { disabled: true },
  enable: { disabled: false },
} as const;

interface UserRowProps {
  user: ManagedUser;
  /** The one who looks at it. */
  you: boolean;
  onDone(what: string): void;
}

export function UserRow({ user, you, onDone }: UserRowProps) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<{ change: Change; opened: boolean }>({
    change: 'enable',
    opened: false,
  });
  const { username, email, role, disabled, mfa, createdAt, lastLoginAt } = user;
  const changes: Change[] = [role === 'admin' ? 'demote' : 'promote', disabled ? 'enable' : 'disable'];
  return (
    <li className={styles.user} data-testid="user">
      <div className={styles.who}>
        <p className={styles.name}>
          <strong>
            <bdi>{username}</bdi>
          </strong>{' '}
          {you ? <Tag>{t('users.you')}</Tag> : null}{' '}
          {role === 'admin' ? <Tag>{t('profile.roles.admin')}</Tag> : null}{' '}
          {mfa ? <Tag tone="good">{t('users.mfa')}</Tag> : null}{' '}
          {disabled ? <Tag tone="alert">{t('users.disabled')}</Tag> : null}
        </p>
        <p className={styles.email}>
          <bdi>{email}</bdi>
        </p>
        <p className={styles.soft}>
          {t('users.since')} <Ago at={createdAt} /> ·{' '}
          {lastLoginAt === null ? (
            t('users.neverIn')
          ) : (
            <>
              {t('users.lastIn')} <Ago at={lastLoginAt} />
            </>
          )}
        </p>
      </div>
      <div className={styles.buttons}>
        {changes.map((change) => (
          <Button
            key={change}
            variant={change === 'disable' ? 'subtle' : 'default'}
            {...(change === 'disable' ? { color: 'red' } : {})}
            size="xs"
            aria-label={t(`users.change.${change}.named`, { name: username })}
            onClick={() => setAsked({ change, opened: true })}
          >
            {t(`users.change.${change}.verb`)}
          </Button>
        ))}
      </div>
      <AskFirst
        user={user}
        you={you}
        {...asked}
        onClose={() => setAsked({ ...asked, opened: false })}
        onDone={onDone}
      />
    </li>
  );
}

interface AskFirstProps {
  user: ManagedUser;
  you: boolean;
  change: Change;
  opened: boolean;
  onClose(): void;
  onDone(what: string): void;
}

function AskFirst({ user, you, change, opened, onClose, onDone }: AskFirstProps) {
  const { t } = useTranslation();
  const { api, session } = useServices();
  const name = user.username;
  async function act() {
    const { disabled: _, mfa: __, ...after } = await api.changeUser(user.userId, BODIES[change]);
    session.changed(after);
  }
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t(`users.change.${change}.title`, { name })}
      confirm={t(`users.change.${change}.verb`)}
      harmless={change === 'enable'}
      explain={({ code }) => (code === 'CONFLICT' ? t('users.lastAdmin', { name }) : undefined)}
      action={act}
      onDone={() => {
        onClose();
        onDone(t(`users.change.${change}.done`, { name }));
      }}
    >
      <p>{t(`users.change.${change}.text`)}</p>
      {you && (change === 'demote' || change === 'disable') ? <p>{t('users.isYou')}</p> : null}
    </ConfirmDialog>
  );
}
