import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import form from './form.module.css';
import { Quiet } from './quiet.js';

interface ToldProps {
  title: string;
  text: string;
  /** Where it goes on. */
  to: '/sign-in' | '/forgot';
  /** What the way there is called. */
  children: ReactNode;
}

/** A page that has nothing to ask any more: how it ended, and the way on. */
export function Told({ title, text, to, children }: ToldProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  // The form that had the focus is gone.
  useEffect(() => heading.current?.focus(), []);
  return (
    <Quiet>
      <h1 ref={heading} tabIndex={-1} className={form.heading}>
        {title}
      </h1>
      <p className={form.lead}>{text}</p>
      <p className={form.aside}>
        <Link to={to}>{children}</Link>
      </p>
    </Quiet>
  );
}
