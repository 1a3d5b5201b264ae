import { useTranslation } from 'react-i18next';
import { useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import page from '../../components/page.module.css';
import { AboutYou } from './about-you.js';
import { Logins } from './logins.js';
import { PasswordForm } from './password-form.js';
import { SecondFactor } from './second-factor.js';

/** One's own account: who one is, how one gets in, and where one is in. */
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
      <div className={page.stack}>
        <AboutYou user={user} />
        <PasswordForm email={user.email} />
        <SecondFactor />
        <Logins />
      </div>
    </>
  );
}
