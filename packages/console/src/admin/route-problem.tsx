import { type ErrorComponentProps, useRouter } from '@tanstack/react-router';
import { Failed } from '../components/failed.js';
import { Quiet } from '../components/quiet.js';
import { Frame } from './shell.js';

/** A page that could not be opened, most often because the server is away. */
export function RouteProblem(props: ErrorComponentProps) {
  return (
    <Quiet>
      <Problem {...props} />
    </Quiet>
  );
}

/** The same for a page behind the sign-in: the way to the others stays. */
export function ShellProblem(props: ErrorComponentProps) {
  return (
    <Frame>
      <Problem {...props} />
    </Frame>
  );
}

function Problem({ error }: ErrorComponentProps) {
  const router = useRouter();
  return <Failed error={error} onRetry={() => void router.invalidate()} />;
}
