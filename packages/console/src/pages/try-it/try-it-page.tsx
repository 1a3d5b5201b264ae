import { Skeleton } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useScreens } from '../../admin/queries.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { toProblem } from '../../api/problem.js';
import { CommandForm } from '../../commands/command-form.js';
import { Empty } from '../../components/empty.js';
import page from '../../components/page.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { AttemptCard } from './attempt-card.js';
import { ScreenChoice } from './screen-choice.js';
import styles from './try-it-page.module.css';
import { useAttempts } from './use-attempts.js';

const EXAMPLE = { action: 'play', data: '{ "volume": 0.8 }' };

const route = getRouteApi('/signed-in/try');

export function TryItPage() {
  const { t } = useTranslation();
  const { screen: wanted } = route.useSearch();
  const navigate = useNavigate();
  const screens = useScreens();
  const { attempts, send } = useAttempts();
  usePageTitle(t('tryIt.title'));
  const known = screens.data ?? [];
  const chosen =
    known.find(({ screenId }) => screenId === wanted) ?? known.find(({ online }) => online) ?? known[0];
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('tryIt.title')}</h1>
          <p className={page.lead}>{t('tryIt.lead')}</p>
        </div>
      </header>
      {screens.isPending ? <Skeleton height={240} radius="md" aria-label={t('common.loading')} /> : null}
      {screens.error && !screens.data ? <ProblemNote problem={toProblem(screens.error)} /> : null}
      {screens.data && !chosen ? (
        <Empty title={t('tryIt.noScreenTitle')}>
          <p>{t('tryIt.noScreen')}</p>
          <Link to="/screens">{t('tryIt.toScreens')}</Link>
        </Empty>
      ) : null}
      {chosen ? (
        <div className={styles.columns}>
          <div className={`${page.panel} ${styles.form}`}>
            <CommandForm
              target={{ screenId: chosen.screenId }}
              example={EXAMPLE}
              onSend={(draft) => void send(draft, chosen.name)}
            >
              <ScreenChoice
                screens={known}
                chosen={chosen}
                onChoose={(screenId) =>
                  void navigate({ to: '/try', search: { screen: screenId }, replace: true })
                }
              />
            </CommandForm>
          </div>
          <section aria-labelledby="history" className={styles.history}>
            <h2 id="history">{t('tryIt.history')}</h2>
            {attempts.length === 0 ? <p className={styles.none}>{t('tryIt.historyEmpty')}</p> : null}
            <ol className={styles.attempts} aria-live="polite">
              {attempts.map((attempt) => (
                <AttemptCard
                  key={attempt.key}
                  attempt={attempt}
                  onRepeat={(id) => void send(attempt.draft, attempt.screenName, id)}
                />
              ))}
            </ol>
          </section>
        </div>
      ) : null}
    </>
  );
}
