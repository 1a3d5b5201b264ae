import type { ClaimedPairing } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { deviceName } from '../../format/format.js';
import styles from './pair-dialog.module.css';

/**
 * The claimer sees who asked for the code. Somebody who talked them into typing a stranger's code is caught here,
 * and a "no" takes the screen and its credential away again.
 */
export function ConfirmDevice({ claimed, onDone }: { claimed: ClaimedPairing; onDone(): void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const { screen, device } = claimed;
  const known = deviceName(device.userAgent);
  const remove = useMutation({ mutationFn: () => api.deleteScreen(screen.screenId), onSuccess: onDone });
  return (
    <div className={form.form}>
      <p className={form.lead}>{t('pair.confirmLead')}</p>
      <dl className={styles.device}>
        <dt>{t('pair.device')}</dt>
        <dd>
          {known ? <strong>{t('pair.deviceName', known)}</strong> : null}
          <span className={styles.agent}>{device.userAgent || t('pair.noAgent')}</span>
        </dd>
        <dt>{t('pair.address')}</dt>
        <dd>
          <code>{device.address}</code>
        </dd>
        <dt>{t('pair.name')}</dt>
        <dd>
          <bdi>{screen.name}</bdi>
        </dd>
      </dl>
      <ProblemNote problem={remove.error ? toProblem(remove.error) : undefined} />
      <div className={form.actions}>
        <Button variant="subtle" color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
          {t('pair.notMine')}
        </Button>
        <Button onClick={onDone} data-autofocus>
          {t('pair.mine')}
        </Button>
      </div>
    </div>
  );
}
