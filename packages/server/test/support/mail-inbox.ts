import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerAuthentication, type SMTPServerSession } from 'smtp-server';
import type { MailerConfig } from '../../src/identity/mail/mailer.js';

/** A mail as it arrived. */
export interface ReceivedMail {
  /** Of the envelope. */
  from: string;
  to: string[];
  /** Names in lower case; folded lines are one. */
  headers: Map<string, string>;
  /** Decoded. */
  text: string;
  raw: string;
  /** Who logged in to send it. */
  user: string | undefined;
}

export interface InboxOptions {
  /** Any free one by default. */
  port?: number;
  /** Wanted of whoever sends. */
  auth?: { user: string; pass: string };
  /** What to answer to a recipient instead of taking the mail. */
  refuse?: (address: string) => { code: number; message: string } | undefined;
}

/** A real SMTP server in this process that keeps what it gets. */
export class MailInbox {
  readonly mails: ReceivedMail[] = [];
  readonly #server: SMTPServer;
  readonly #waiting = new Set<() => void>();
  #port = 0;
  #read = 0;

  private constructor(options: InboxOptions) {
    this.#server = new SMTPServer({
      disabledCommands: ['STARTTLS', ...(options.auth ? [] : ['AUTH'])],
      authOptional: options.auth === undefined,
      allowInsecureAuth: true,
      disableReverseLookup: true,
      closeTimeout: 100,
      onAuth: (auth, _session, done) => authenticate(options, auth, done),
      onRcptTo: (address, _session, done) => {
        const refusal = options.refuse?.(address.address);
        done(refusal && Object.assign(new Error(refusal.message), { responseCode: refusal.code }));
      },
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          this.mails.push(parse(Buffer.concat(chunks).toString('utf8'), session));
          done();
          for (const wake of this.#waiting) wake();
        });
      },
    });
    // A client that breaks off is no fault of a test.
    this.#server.on('error', () => undefined);
  }

  static async start(options: InboxOptions = {}): Promise<MailInbox> {
    const inbox = new MailInbox(options);
    await new Promise<void>((resolve) =>
      inbox.#server.listen(options.port ?? 0, '127.0.0.1', () => resolve()),
    );
    inbox.#port = (inbox.#server.server.address() as AddressInfo).port;
    return inbox;
  }

  get port(): number {
    return this.#port;
  }

  /** What a server over HTTP is started with. */
  get settings(): Record<string, string> {
    return { SMTP_URL: `smtp://127.0.0.1:${this.#port}`, MAIL_FROM: 'Bongsu <noreply@example.org>' };
  }

  /** The same for identity alone. */
  get config(): MailerConfig {
    return {
      server: { host: '127.0.0.1', port: this.#port, tls: 'off', auth: undefined },
      from: { name: 'Bongsu', address: 'noreply@example.org' },
    };
  }

  /** The next mail that no `next` has answered yet. */
  async next(): Promise<ReceivedMail> {
    for (;;) {
      const mail = this.mails[this.#read];
      if (mail) {
        this.#read += 1;
        return mail;
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** The token of the link in a mail. */
export function tokenIn({ text }: ReceivedMail): string {
  const token = /#token=(\S+)/.exec(text)?.[1];
  if (token === undefined) throw new Error(`no link in: ${text}`);
  return token;
}

function authenticate(
  { auth }: InboxOptions,
  { username, password }: SMTPServerAuthentication,
  done: (error: Error | null, response?: { user: string }) => void,
): void {
  const right = auth?.user === username && auth?.pass === password;
  if (right && username !== undefined) done(null, { user: username });
  else done(Object.assign(new Error('wrong credentials'), { responseCode: 535 }));
}

function parse(raw: string, session: SMTPServerSession): ReceivedMail {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const { mailFrom, rcptTo } = session.envelope;
  const body = raw.slice(end + 4);
  const isQuoted = headers.get('content-transfer-encoding') === 'quoted-printable';
  return {
    from: mailFrom === false ? '' : mailFrom.address,
    to: rcptTo.map(({ address }) => address),
    headers,
    text: (isQuoted ? unquote(body) : body).replaceAll('\r\n', '\n'),
    raw,
    user: typeof session.user === 'string' ? session.user : undefined,
  };
}

function unquote(body: string): string {
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
