/** What is wrong with one setting. Never repeats the value of a secret. */
export interface ConfigFault {
  /** As the user wrote it: `BONGSU_PORT`, `JWT_SECRET_FILE`. */
  name: string;
  message: string;
  example?: string;
}

/** `PORT: must be a whole number from 0 to 65535, but is "abc". Example: PORT=8080` */
export function formatFault({ name, message, example }: ConfigFault): string {
  return `${name}: ${message}.${example === undefined ? '' : ` Example: ${name}=${example}`}`;
}
