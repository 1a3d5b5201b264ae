import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../api/problem.js';
import { useCountdown } from './use-countdown.js';

/**
 * A form that calls `action` with its fields as text. Faults that name a field are shown at the field, by `faultOf`;
 * `problem` is what is left to show above the button. A server that is too busy to begin is asked again by itself,
 * in its own time, with what was sent.
 */
export function useSubmit<Result>(
  action: (fields: Record<string, string>) => Promise<Result>,
  onDone: (result: Result) => void,
) {
  const { t } = useTranslation();
  const mutation = useMutation({ mutationFn: action, onSuccess: onDone });
  const sent = useRef<HTMLFormElement>(null);
  const all = mutation.error ? toProblem(mutation.error) : undefined;
  const retriesItself = all?.code === 'BUSY' && all.retryAfterMs !== undefined;
  useCountdown(mutation.error, retriesItself ? all?.retryAfterMs : undefined, () => {
    if (mutation.variables) mutation.mutate(mutation.variables);
  });
  // Where the eyes of somebody with a keyboard should go: the first field that was refused.
  useEffect(() => {
    if (mutation.error) sent.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [mutation.error]);

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields: Record<string, string> = {};
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') fields[name] = value;
    sent.current = form;
    mutation.mutate(fields);
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
    problem: shownAtFields || !all ? undefined : { ...all, retriesItself },
    /** For a field's `error`; null when it has none. */
    errorOf: (field: string) => {
      const fault = faultOf(field);
      if (!fault) return null;
      return fault.startsWith('must ') ? t('form.must', { fault }) : t('form.fault', { fault });
    },
    reset: mutation.reset,
  };
}
