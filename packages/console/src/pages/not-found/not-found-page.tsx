import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { usePageTitle } from '../../admin/use-page-title.js';
import form from '../../components/form.module.css';
import { Quiet } from '../../components/quiet.js';

export function NotFoundPage() {
  const { t } = useTranslation();
  usePageTitle(t('notFound.title'));
  return (
    <Quiet>
      <h1>{t('notFound.title')}</h1>
      <p className={form.lead}>{t('notFound.text')}</p>
      <p>
        <Link to="/screens">{t('notFound.toScreens')}</Link>
      </p>
    </Quiet>
  );
}
