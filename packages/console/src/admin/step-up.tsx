import { BongsuError } from '@bongsu/protocol';
import { type ComponentType, useEffect, useState, useSyncExternalStore } from 'react';
import type { ProofDue } from '../api/step-up.js';
import { useServices } from './services.js';

type Dialog = ComponentType<{ due: ProofDue | undefined }>;

/** Shows the dialog when a proof is due. Its code is loaded then, for most visits need none. */
export function StepUp() {
  const { stepUp } = useServices();
  const due = useSyncExternalStore(stepUp.subscribe, () => stepUp.due);
  const [dialog, setDialog] = useState<{ Dialog: Dialog }>();
  const wanted = due !== undefined && dialog === undefined;
  useEffect(() => {
    if (!wanted) return;
    import('./step-up-dialog.js').then(
      ({ StepUpDialog }) => setDialog({ Dialog: StepUpDialog }),
      (cause: unknown) => stepUp.dismiss(new BongsuError('UNAVAILABLE', { cause })),
    );
  }, [wanted, stepUp]);
  return dialog ? <dialog.Dialog due={due} /> : null;
}
