import { Button } from '@mantine/core';
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../api/problem.js';
import { ProblemNote } from '../components/problem-note.js';
import { Quiet } from '../components/quiet.js';

/** A page that could not be opened, most often because the server is away. */
export function RouteProblem({ error }: ErrorComponentProps) {
  const { t } = useTranslation();
  const router = useRouter();
  return (
    <Quiet>
      <ProblemNote problem={toProblem(error)} />
      <Button onClick={() => void router.invalidate()}>{t('common.tryAgain')}</Button>
    </Quiet>
  );
}
