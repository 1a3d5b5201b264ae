import type { Screen } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Ago } from '../../components/ago.js';
import { Copyable } from '../../components/copyable.js';
import details from '../../components/details.module.css';
import page from '../../components/page.module.css';
import { ScreenState } from '../../components/screen-state.js';

export function ScreenFacts({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  return (
    <section className={page.panel} aria-label={t('screen.facts')}>
      <dl className={details.list}>
        <dt>{t('screen.state')}</dt>
        <dd>
          <ScreenState screen={screen} />
        </dd>
        <dt>{t('screen.waiting')}</dt>
        <dd>
          {screen.pending === 0
            ? t('screen.nothingWaiting')
            : t('screen.waitingCount', { count: screen.pending })}
        </dd>
        <dt>{t('screen.id')}</dt>
        <dd>
          <Copyable value={screen.screenId} label={t('screen.id')} />
        </dd>
        <dt>{t('screen.owner')}</dt>
        <dd>
          <bdi>{screen.owner.username}</bdi>
        </dd>
        <dt>{t('screen.paired')}</dt>
        <dd>
          <Ago at={screen.createdAt} />
        </dd>
      </dl>
    </section>
  );
}
