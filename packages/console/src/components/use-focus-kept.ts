import { type FocusEvent, type RefObject, useEffect, useRef } from 'react';

/** Whoever is at a row that goes finds themselves at the next one, or else at `fallback`; browsers would put them at the page's beginning. */
export function useFocusKept(fallback: RefObject<HTMLElement | null>) {
  const held = useRef<{ list: Element; target: Element; index: number }>(undefined);
  // What is cleaned up after each change has the page before it as it is now.
  useEffect(() => () => {
    const { current } = held;
    if (!current || current.target.isConnected || document.activeElement !== document.body) return;
    held.current = undefined;
    const { list, index } = current;
    const row = list.isConnected ? (list.children[index] ?? list.lastElementChild) : undefined;
    const next = [...(row?.querySelectorAll<HTMLElement>('button') ?? [])].at(-1);
    (next ?? fallback.current)?.focus({ preventScroll: true });
  });
  return {
    onFocus({ currentTarget: list, target }: FocusEvent) {
      const index = [...list.children].findIndex((row) => row.contains(target));
      if (index >= 0) held.current = { list, target, index };
    },
  };
}
