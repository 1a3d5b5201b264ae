import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { CommandList } from '../../commands/command-list.js';
import detail from '../../components/detail.module.css';
import styles from './screen-detail-page.module.css';

/** What was sent to the screen. */
export function ScreenCommands({ screenId, mayManage }: { screenId: string; mayManage: boolean }) {
  const { t } = useTranslation();
  return (
    <section className={detail.section} aria-labelledby="commands">
      <div className={styles.sectionHead}>
        <h2 id="commands">{t('commands.title')}</h2>
        {mayManage ? (
          <Link to="/dead-letters" search={{ screen: screenId }}>
            {t('letters.ofScreen')}
          </Link>
        ) : null}
      </div>
      <CommandList screenId={screenId} empty={<p>{t('commands.noneForScreen')}</p>} />
    </section>
  );
}
