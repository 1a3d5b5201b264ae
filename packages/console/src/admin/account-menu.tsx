import type { User } from '@bongsu/protocol';
import { Button, Menu } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Icon } from '../components/icon.js';
import styles from './account-menu.module.css';
import { useServices } from './services.js';

export function AccountMenu({ user }: { user: User }) {
  const { t } = useTranslation();
  const { session } = useServices();
  const navigate = useNavigate();

  async function signOut() {
    await session.signOut().catch(() => undefined);
    await navigate({ to: '/sign-in' });
  }

  return (
    <Menu position="bottom-end" width={240} transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <Button
          variant="subtle"
          px="xs"
          className={styles.trigger}
          aria-label={t('account.menu', { name: user.username })}
          rightSection={<Icon name="down" />}
        >
          <bdi className={styles.name}>{user.username}</bdi>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={styles.who}>
          <bdi>{user.username}</bdi>
          <bdi className={styles.email}>{user.email}</bdi>
        </div>
        <Menu.Divider />
        <Menu.Item component={Link} {...{ to: '/profile' }}>
          {t('profile.title')}
        </Menu.Item>
        <Menu.Item component={Link} {...{ to: '/api-keys' }}>
          {t('apiKeys.title')}
        </Menu.Item>
        {user.role === 'admin' ? (
          <>
            <Menu.Item component={Link} {...{ to: '/users' }}>
              {t('users.title')}
            </Menu.Item>
            <Menu.Item component={Link} {...{ to: '/nodes' }}>
              {t('nodes.title')}
            </Menu.Item>
          </>
        ) : null}
        <Menu.Divider />
        <Menu.Item onClick={() => void signOut()}>{t('account.signOut')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
