import type { MfaChallenge } from '@bongsu/protocol';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Quiet } from '../../components/quiet.js';
import { FirstStep } from './first-step.js';
import { SecondStep } from './second-step.js';

const route = getRouteApi('/signed-out/sign-in');

export function SignInPage() {
  const { t } = useTranslation();
  const { next } = route.useSearch();
  const navigate = useNavigate();
  const [challenge, setChallenge] = useState<MfaChallenge>();
  const [over, setOver] = useState(false);
  usePageTitle(t('signIn.title'));
  const enter = () => void navigate({ href: next ?? '/screens' });
  function startAgain(isOver: boolean) {
    setOver(isOver);
    setChallenge(undefined);
  }
  return (
    <Quiet>
      {challenge ? (
        <SecondStep challenge={challenge} onDone={enter} onStartAgain={startAgain} />
      ) : (
        <FirstStep next={next} over={over} onChallenge={setChallenge} onDone={enter} />
      )}
    </Quiet>
  );
}
