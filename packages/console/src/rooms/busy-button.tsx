import { Button, type ButtonProps } from '@mantine/core';
import type { Ref } from 'react';

interface BusyButtonProps extends Omit<ButtonProps, 'loading' | 'disabled'> {
  busy: boolean;
  onClick(): void;
  'aria-label'?: string;
  ref?: Ref<HTMLButtonElement>;
}

/** A button that may be at work. It takes no press meanwhile, but keeps the focus, which a disabled one would lose. */
export function BusyButton({ busy, onClick, ...others }: BusyButtonProps) {
  return (
    <Button
      {...others}
      loading={busy}
      onClick={() => {
        if (!busy) onClick();
      }}
      renderRoot={({ disabled: _, ...props }) => <button {...props} aria-busy={busy} aria-disabled={busy} />}
    />
  );
}
