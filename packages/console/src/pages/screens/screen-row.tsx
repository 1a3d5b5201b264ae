import type { Screen } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Beacon } from '../../components/beacon.js';
import row from '../../components/row.module.css';
import { ScreenState } from '../../components/screen-state.js';
import { DriftLines } from '../../drift/drift-lines.js';
import styles from './screens-page.module.css';

export function ScreenRow({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { screenId, name, online, pending } = screen;
  return (
    <li className={row.row}>
      <Beacon lit={online} />
      <div className={row.what}>
        <Link to="/screens/$screenId" params={{ screenId }} className={row.name}>
          <bdi>{name}</bdi>
        </Link>
        <span className={row.state} data-lit={online}>
          <ScreenState screen={screen} />
        </span>
        <DriftLines screen={screen} />
      </div>
      <div className={row.side}>
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
