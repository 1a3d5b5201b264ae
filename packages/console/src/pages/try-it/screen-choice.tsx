import type { Screen } from '@bongsu/protocol';
import { NativeSelect } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import styles from './try-it-page.module.css';

interface ScreenChoiceProps {
  screens: Screen[];
  chosen: Screen;
  onChoose(screenId: string): void;
}

export function ScreenChoice({ screens, chosen, onChoose }: ScreenChoiceProps) {
  const { t } = useTranslation();
  return (
    <>
      <NativeSelect
        label={t('tryIt.screen')}
        value={chosen.screenId}
        onChange={(event) => onChoose(event.currentTarget.value)}
        data={screens.map(({ screenId, name, online }) => ({
          value: screenId,
          label: online ? name : t('tryIt.offlineOption', { name }),
        }))}
      />
      {chosen.online ? null : <p className={styles.offline}>{t('tryIt.offlineHint')}</p>}
    </>
  );
}
