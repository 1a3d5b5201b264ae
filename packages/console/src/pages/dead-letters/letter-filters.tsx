import type { DeadLetterStats } from '@bongsu/protocol';
import { NativeSelect } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { mayManageScreen } from '../../admin/may-manage-screen.js';
import { useScreens } from '../../admin/queries.js';
import { useUser } from '../../admin/services.js';
import styles from './dead-letters-page.module.css';
import { DEAD_REASONS, type LetterFilter, toReason } from './letter-filter.js';

interface LetterFiltersProps {
  filter: LetterFilter;
  stats: DeadLetterStats | undefined;
  onChange(filter: LetterFilter): void;
}

export function LetterFilters({ filter, stats, onChange }: LetterFiltersProps) {
  const { t } = useTranslation();
  const { data: screens = [] } = useScreens();
  const user = useUser();
  const names = new Map(screens.map(({ screenId, name }) => [screenId, name]));
  // Letters outlive their screen, and one may filter by what is gone.
  const mine = screens.filter((screen) => mayManageScreen(user, screen)).map(({ screenId }) => screenId);
  const known = new Set([...mine, ...Object.keys(stats?.byScreen ?? {})]);
  if (filter.screenId) known.add(filter.screenId);
  return (
    <div className={styles.filters}>
      <NativeSelect
        label={t('commands.screen')}
        value={filter.screenId ?? ''}
        onChange={({ currentTarget: { value } }) => {
          const { screenId: _, ...rest } = filter;
          onChange(value ? { ...rest, screenId: value } : rest);
        }}
        data={[
          { value: '', label: t('letters.allScreens') },
          ...[...known].map((value) => ({ value, label: names.get(value) ?? value })),
        ]}
      />
      <NativeSelect
        label={t('letters.reason')}
        value={filter.reason ?? ''}
        onChange={({ currentTarget: { value } }) => {
          const { reason: _, ...rest } = filter;
          const reason = toReason(value);
          onChange(reason ? { ...rest, reason } : rest);
        }}
        data={[
          { value: '', label: t('letters.allReasons') },
          ...DEAD_REASONS.map((value) => ({ value, label: t(`letters.reasons.${value}`) })),
        ]}
      />
    </div>
  );
}
