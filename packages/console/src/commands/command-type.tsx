import { useTranslation } from 'react-i18next';
import styles from './commands.module.css';

/** The kind of a command; one this page does not know by its name on the wire. */
export function CommandType({ type }: { type: string }) {
  const { t } = useTranslation();
  const known = type === 'trigger' || type === 'navigate';
  return <span className={styles.type}>{known ? t(`commands.types.${type}`) : type}</span>;
}
