import type { Screen } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Beacon } from '../../components/beacon.js';
import { ScreenState } from '../../components/screen-state.js';
import { DriftLines } from '../../drift/drift-lines.js';
import styles from './screens-page.module.css';

export function ScreenRow({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { screenId, name, online, pending } = screen;
  return (
    <li className={styles.row}>
      <Beacon lit={online} />
      <div className={styles.what}>
        <Link to="/screens/$screenId" params={{ screenId }} className={styles.name}>
          <bdi>{name}</bdi>
        </Link>
        <span className={styles.state} data-online={online}>
          <ScreenState screen={screen} />
        </span>
        <DriftLines screen={screen} />
      </div>
      <div className={styles.side}>
        {pending > 0 ? (
          <span className={styles.pending}>{t('screens.pending', { count: pending })}</span>
        ) : null}
        <Button
          variant="default"
          size="sm"
          aria-label={t('tryIt.on', { name })}
          onClick={() => void navigate({ to: '/try', search: { screen: screenId } })}
        >
          {t('tryIt.title')}
        </Button>
      </div>
    </li>
  );
}
