import type { Screen } from '@bongsu/protocol';
import { Button, NativeSelect } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import detail from '../../components/detail.module.css';
import styles from './room-detail-page.module.css';

interface AddScreenProps {
  /** Those that are not in the room. */
  free: readonly Screen[];
  pending: boolean;
  onAdd(screenId: string): void;
}

export function AddScreen({ free, pending, onAdd }: AddScreenProps) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState('');
  function add(event: FormEvent) {
    event.preventDefault();
    onAdd(chosen);
    setChosen('');
  }
  return (
    <form className={`${detail.add} ${styles.add}`} onSubmit={add}>
      <NativeSelect
        label={t('room.addScreen')}
        description={t('room.addScreenHint')}
        value={chosen}
        onChange={(event) => setChosen(event.currentTarget.value)}
        data={[
          { value: '', label: t('room.chooseScreen') },
          ...free.map(({ screenId, name }) => ({ value: screenId, label: name })),
        ]}
      />
      <Button type="submit" variant="default" disabled={chosen === ''} loading={pending}>
        {t('room.add')}
      </Button>
    </form>
  );
}
