import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../api/problem.js';

/**
 * A form that calls `action` with its fields as text. Faults that name a field are shown at the field, by `faultOf`;
 * `problem` is what is left to show above the button.
 */
export function useSubmit<Result>(
  action: (fields: Record<string, string>) => Promise<Result>,
  onDone: (result: Result) => void,
) {
  const { t } = useTranslation();
  const mutation = useMutation({ mutationFn: action, onSuccess: onDone });
  const all = mutation.error ? toProblem(mutation.error) : undefined;

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields: Record<string, string> = {};
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') fields[name] = value;
    mutation.mutate(fields, { onError: () => focusFirstFault(form) });
  }

  function faultOf(field: string): string | undefined {
    if (all?.code !== 'VALIDATION_ERROR') return undefined;
    // A server may say where in the request the body was: "body.email" or "/email" is the same field.
    return all.faults.find(({ path }) => path.split(/[./]/).at(-1) === field)?.message;
  }

  const shownAtFields = all?.code === 'VALIDATION_ERROR' && all.faults.length > 0;
  return {
    onSubmit,
    pending: mutation.isPending,
    problem: shownAtFields ? undefined : all,
    /** For a field's `error`; null when it has none. */
    errorOf: (field: string) => {
      const fault = faultOf(field);
      return fault ? t('form.fault', { fault }) : null;
    },
    reset: mutation.reset,
  };
}

/** Where the eyes of somebody with a keyboard should go: the first field that was refused. */
function focusFirstFault(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
