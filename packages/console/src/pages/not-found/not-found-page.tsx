import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { usePageTitle } from '../../admin/use-page-title.js';
import page from '../../components/page.module.css';

export function NotFoundPage() {
  const { t } = useTranslation();
  usePageTitle(t('notFound.title'));
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('notFound.title')}</h1>
          <p className={page.lead}>{t('notFound.text')}</p>
        </div>
      </header>
      <Link to="/screens">{t('notFound.toScreens')}</Link>
    </>
  );
}
