import type { CommandItem } from '@bongsu/protocol';
import { ActionIcon } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useScreensById } from '../admin/use-screens-by-id.js';
import { Ago } from '../components/ago.js';
import { Icon } from '../components/icon.js';
import { CancelCommand } from './cancel-command.js';
import { CommandFacts } from './command-facts.js';
import { saying, shownState, targetOf } from './command-state.js';
import { CommandType } from './command-type.js';
import styles from './commands.module.css';
import { StateMark } from './state-mark.js';
import { Why } from './why.js';

interface CommandRowProps {
  command: CommandItem;
  /** True in the list of one screen, which need not name it in each row. */
  ofScreen: boolean;
}

/** One command in a list, with its facts behind a button. */
export function CommandRow({ command, ofScreen }: CommandRowProps) {
  const { t } = useTranslation();
  const screens = useScreensById();
  const [open, setOpen] = useState(false);
  const facts = useId();
  const { type, payload, from, deliveries, id } = command;
  const target = targetOf(command);
  const what = saying(type, payload);
  const [only] = deliveries;
  return (
    <li className={styles.row} data-testid="command">
      <div className={styles.state}>
        <StateMark state={shownState(command)} />
      </div>
      <div className={styles.what}>
        <p className={styles.title}>
          <Link
            to="/commands/$commandId"
            params={{ commandId: id }}
            search={{ sender: from.userId }}
            className={styles.saying}
          >
            <bdi>{what}</bdi>
          </Link>{' '}
          <CommandType type={type} />
        </p>
        <p className={styles.soft}>
          {ofScreen && target.kind === 'screen' ? null : (
            <>
              <bdi>{screens.get(target.id)?.name ?? target.id}</bdi> ·{' '}
            </>
          )}
          <bdi>{from.username}</bdi> · <Ago at={command.acceptedAt} />
        </p>
        {only && deliveries.length === 1 ? (
          <p className={styles.why}>
            <Why delivery={only} online={screens.get(only.screenId)?.online} />
          </p>
        ) : null}
      </div>
      <div className={styles.actions}>
        <CancelCommand command={command} senderId={from.userId} />
        <ActionIcon
          variant="subtle"
          size="lg"
          aria-expanded={open}
          aria-controls={facts}
          aria-label={t('commands.detailsOf', { what })}
          className={styles.toggle}
          onClick={() => setOpen(!open)}
        >
          <Icon name="down" />
        </ActionIcon>
      </div>
      <div id={facts} hidden={!open} className={styles.more}>
        {open ? <CommandFacts command={command} explained /> : null}
      </div>
    </li>
  );
}
