import { useTranslation } from 'react-i18next';
import { mayManageScreen } from '../admin/may-manage-screen.js';
import { useUser } from '../admin/services.js';
import { useScreensById } from '../admin/use-screens-by-id.js';
import { Ago } from '../components/ago.js';
import { Copyable } from '../components/copyable.js';
import details from '../components/details.module.css';
import { Moment } from '../components/moment.js';
import { deliveryState, displayOf, restOf, type ShownCommand, saying, targetOf } from './command-state.js';
import styles from './commands.module.css';
import { LetterLine } from './letter-line.js';
import { Payload } from './payload.js';
import { ScreenLink } from './screen-link.js';
import { StateMark } from './state-mark.js';
import { Why } from './why.js';

interface CommandFactsProps {
  command: ShownCommand;
  /** True where the reason stands beside it already. */
  explained?: boolean;
}

/** Everything that is known of a command. */
export function CommandFacts({ command, explained = false }: CommandFactsProps) {
  const { t, i18n } = useTranslation();
  const { id, from, payload, expiresAt, acceptedAt } = command;
  const target = targetOf(command);
  const rest = restOf(payload);
  const display = displayOf(payload);
  return (
    <div className={styles.facts}>
      {rest ? (
        <Payload
          value={'data' in rest && Object.keys(rest).length === 1 ? rest.data : rest}
          label={t('commands.dataOf', { what: saying(command.type, payload) })}
        />
      ) : null}
      <dl className={details.list}>
        <dt>{target.kind === 'screen' ? t('commands.screen') : t('commands.room')}</dt>
        <dd>{target.kind === 'screen' ? <ScreenLink screenId={target.id} /> : <code>{target.id}</code>}</dd>
        {display === undefined ? null : (
          <>
            <dt>{t('commands.display')}</dt>
            <dd>{display}</dd>
          </>
        )}
        {from ? (
          <>
            <dt>{t('commands.sender')}</dt>
            <dd>
              <bdi>{from.username}</bdi>
            </dd>
          </>
        ) : null}
        <dt>{t('commands.accepted')}</dt>
        <dd>
          <Ago at={acceptedAt} />
        </dd>
        {expiresAt !== undefined && command.status === 'accepted' ? (
          <>
            <dt>{t('commands.waitsUntil')}</dt>
            <dd>
              <Moment at={expiresAt}>{new Date(expiresAt).toLocaleString(i18n.language)}</Moment>
            </dd>
          </>
        ) : null}
        <dt>{t('commands.id')}</dt>
        <dd>
          <Copyable value={id} label={t('commands.id')} />
        </dd>
      </dl>
      <Deliveries command={command} explained={explained && command.deliveries.length === 1} />
    </div>
  );
}

function Deliveries({ command, explained }: Required<CommandFactsProps>) {
  const { t } = useTranslation();
  const user = useUser();
  const screens = useScreensById();
  if (command.deliveries.length === 0) return null;
  return (
    <section>
      <h3 className={styles.subhead}>{t('commands.deliveries')}</h3>
      <ul className={styles.deliveries}>
        {command.deliveries.map((delivery) => {
          const screen = screens.get(delivery.screenId);
          return (
            <li key={delivery.screenId} className={styles.delivery}>
              <StateMark state={deliveryState(delivery.status)} />
              <ScreenLink screenId={delivery.screenId} />
              <span className={styles.soft}>
                {t('commands.attempts', { count: delivery.attempts })}
                {delivery.executedAt === null ? null : (
                  <>
                    {' · '}
                    <Ago at={delivery.executedAt} />
                  </>
                )}
              </span>
              {explained ? null : (
                <span className={styles.why}>
                  <Why delivery={delivery} online={screen?.online} />
                </span>
              )}
              {delivery.status === 'dead' && screen && mayManageScreen(user, screen) ? (
                <LetterLine
                  sought={{
                    commandId: command.id,
                    senderId: command.from?.userId,
                    screenId: delivery.screenId,
                    reason: delivery.reason,
                    since: command.acceptedAt,
                  }}
                />
              ) : null}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
