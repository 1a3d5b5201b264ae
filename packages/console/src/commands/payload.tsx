import { jsonText } from '../format/format.js';
import styles from './commands.module.css';

/** What a command carries, as JSON to read; a long one scrolls, by keyboard too. */
export function Payload({ value, label }: { value: unknown; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className={styles.payload} tabIndex={0} aria-label={label}>
      <pre>{jsonText(value)}</pre>
    </section>
  );
}
