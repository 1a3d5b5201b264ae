/** A secret does not fit this database: starting would make every stored key and address unreadable. */
export class WrongSecretError extends Error {
  override readonly name = 'WrongSecretError';

  constructor(
    readonly setting: 'JWT_SECRET' | 'PII_KEYS',
    cause: unknown,
  ) {
    super(
      `${setting} is not the one this database was set up with. Start with the former value` +
        (setting === 'JWT_SECRET' ? ', or give that as JWT_SECRET_PREVIOUS' : '') +
        '; in development it is kept in DATA_DIR beside the database.',
      { cause },
    );
  }
}
