import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { CommandList } from '../../commands/command-list.js';
import styles from './screen-detail-page.module.css';

/** What was sent to the screen. */
export function ScreenCommands({ screenId }: { screenId: string }) {
  const { t } = useTranslation();
  return (
    <section className={styles.section} aria-labelledby="commands">
      <div className={styles.sectionHead}>
        <h2 id="commands">{t('commands.title')}</h2>
        <Link to="/dead-letters" search={{ screen: screenId }}>
          {t('letters.ofScreen')}
        </Link>
      </div>
      <CommandList screenId={screenId} empty={<p>{t('commands.noneForScreen')}</p>} />
    </section>
  );
}
