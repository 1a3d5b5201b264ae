import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemNote } from '../../components/problem-note.js';
import { clockTime, jsonText } from '../../format/format.js';
import type { Attempt } from './attempt.js';
import { RelayLine } from './relay-line.js';
import styles from './try-it-page.module.css';

export function AttemptCard({ attempt, onRepeat }: { attempt: Attempt; onRepeat(id: string): void }) {
  const { t, i18n } = useTranslation();
  const { draft, screenName, accepted, ended, problem } = attempt;
  const card = useRef<HTMLLIElement>(null);
  // On a narrow window the card is below the form whose button was just pressed.
  useEffect(() => {
    // New browsers answer a promise, which React would take for what ends the effect.
    void card.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }, []);
  const data = draft.type === 'trigger' ? draft.data : undefined;
  return (
    <li ref={card} className={styles.attempt} data-testid="attempt">
      <header>
        <h3 className={styles.title}>
          {draft.type === 'trigger'
            ? t('tryIt.triggerTitle', { action: draft.action, screen: screenName })
            : t('tryIt.navigateTitle', { url: draft.url, screen: screenName })}
        </h3>
        <time className={styles.time} dateTime={new Date(attempt.pressedAt).toISOString()}>
          {clockTime(attempt.pressedAt, i18n.language)}
        </time>
      </header>
      {data === undefined ? null : <pre className={styles.payload}>{jsonText(data)}</pre>}
      <RelayLine attempt={attempt} />
      {accepted?.duplicate ? (
        <p className={styles.note}>
          <strong>
            <code>duplicate: true</code>
          </strong>{' '}
          {t('tryIt.duplicate')}
        </p>
      ) : null}
      {ended && ended.status !== 'executed' ? (
        <p className={styles.note}>
          {t(`command.${ended.status}Meaning`)} {ended.why ? <code>{ended.why}</code> : null}
        </p>
      ) : null}
      <ProblemNote problem={problem} />
      {accepted ? (
        <footer className={styles.foot}>
          <span>
            {t('tryIt.place', { seq: accepted.seq })}{' '}
            <Link to="/commands/$commandId" params={{ commandId: accepted.id }}>
              <code>{accepted.id}</code>
            </Link>
          </span>
          <Button variant="default" size="xs" onClick={() => onRepeat(accepted.id)}>
            {t('tryIt.repeat')}
          </Button>
        </footer>
      ) : null}
    </li>
  );
}
