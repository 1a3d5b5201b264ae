import { useTranslation } from 'react-i18next';
import { useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Ago } from '../../components/ago.js';
import { Copyable } from '../../components/copyable.js';
import details from '../../components/details.module.css';
import page from '../../components/page.module.css';

export function ProfilePage() {
  const { t } = useTranslation();
  const user = useUser();
  usePageTitle(t('profile.title'));
  if (!user) return null;
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('profile.title')}</h1>
          <p className={page.lead}>{t('profile.lead')}</p>
        </div>
      </header>
      <section className={page.panel}>
        <dl className={details.list}>
          <dt>{t('account.username')}</dt>
          <dd>
            <bdi>{user.username}</bdi>
          </dd>
          <dt>{t('account.email')}</dt>
          <dd>
            <bdi>{user.email}</bdi>
          </dd>
          <dt>{t('profile.role')}</dt>
          <dd>{t(`profile.roles.${user.role}`)}</dd>
          <dt>{t('profile.userId')}</dt>
          <dd>
            <Copyable value={user.userId} label={t('profile.userId')} />
          </dd>
          <dt>{t('profile.since')}</dt>
          <dd>
            <Ago at={user.createdAt} />
          </dd>
        </dl>
      </section>
    </>
  );
}
