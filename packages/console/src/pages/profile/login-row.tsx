import type { LoginItem } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { useServerNow } from '../../admin/use-server-now.js';
import { toProblem } from '../../api/problem.js';
import { Ago } from '../../components/ago.js';
import { Moment } from '../../components/moment.js';
import { ProblemNote } from '../../components/problem-note.js';
import { Tag } from '../../components/tag.js';
import { useDeviceName } from '../../components/use-device-name.js';
import { until } from '../../format/format.js';
import styles from './profile-page.module.css';

const TICK_MS = 60_000;

export function LoginRow({ login, onEnded }: { login: LoginItem; onEnded(): void }) {
  const { t, i18n } = useTranslation();
  const { api } = useServices();
  const now = useServerNow(TICK_MS);
  const end = useMutation({ mutationFn: () => api.endLogin(login.id), onSuccess: onEnded });
  const { address, userAgent } = login.device;
  const device = useDeviceName()(userAgent);
  const ends =
    login.rememberMe && login.expiresAt !== null
      ? until(login.expiresAt, now, i18n.language, Math.round)
      : null;
  return (
    <li className={styles.login} data-testid="login">
      <div className={styles.device}>
        <p className={styles.deviceName}>
          <strong title={userAgent ?? undefined}>
            <bdi>{device}</bdi>
          </strong>{' '}
          {login.current ? <Tag tone="good">{t('logins.current')}</Tag> : null}{' '}
          {login.mfa ? <Tag>{t('logins.mfa')}</Tag> : null}
        </p>
        <p className={styles.soft}>
          {t('logins.lastSeen')} <Ago at={login.lastSeenAt} /> ·{' '}
          {address === null ? t('logins.noAddress') : <code>{address}</code>}
        </p>
        <p className={styles.soft}>
          {t('logins.since')} <Ago at={login.createdAt} />
          {ends && login.expiresAt !== null ? (
            <>
              {' · '}
              {t('logins.ends')} <Moment at={login.expiresAt}>{ends}</Moment>
            </>
          ) : null}
        </p>
      </div>
      {login.current ? null : (
        <Button
          variant="default"
          size="xs"
          aria-label={t('logins.endNamed', { device })}
          loading={end.isPending}
          onClick={() => end.mutate()}
        >
          {t('logins.end')}
        </Button>
      )}
      {end.error ? <ProblemNote problem={toProblem(end.error)} /> : null}
    </li>
  );
}
