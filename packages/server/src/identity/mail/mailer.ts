import { createTransport } from 'nodemailer';
import type { Clock } from '../../platform/clock.js';
import { sleep } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import { WorkPool } from '../passwords/work-pool.js';
import type { MailKind } from './templates.js';

export interface SmtpServer {
  host: string;
  port: number;
  /** `always` from the first byte, `upgrade` by STARTTLS, which is then a must, `off` in clear. */
  tls: 'always' | 'upgrade' | 'off';
  auth: { user: string; pass: string } | undefined;
}

/** SMTP_URL and MAIL_FROM. */
export interface MailerConfig {
  server: SmtpServer;
  from: { name: string; address: string };
}

export interface Mail {
  kind: MailKind;
  /** One address, already checked. */
  to: string;
  subject: string;
  text: string;
}

export interface MailerDeps {
  clock: Clock;
  log: Log;
  metrics: Pick<Metrics, 'counter'>;
}

const AT_ONCE = 2;
/** Mails in hand, those that wait for another try included; one more is dropped. */
const MAX_HELD = 1000;
/** Between the tries of a mail whose fault may pass. */
const BACKOFF_MS = [1000, 5000, 30_000, 120_000];
const CONNECT_MS = 10_000;
const SILENCE_MS = 30_000;
/** What a stop leaves to mails that are just being sent. */
const STOP_MS = 3000;
/** Faults that the next try would meet again. */
const LASTING = new Set(['EAUTH', 'ENOAUTH', 'EENVELOPE', 'EMESSAGE']);

/**
 * Hands mails to the SMTP server, from a bounded queue in memory: nobody waits for it, and what could not be sent within
 * minutes or by the stop is lost, so everything that is mailed can be asked for again. No address and no text is ever logged.
 */
export class Mailer {
  readonly #deps: MailerDeps;
  readonly #from: MailerConfig['from'];
  readonly #transport;
  readonly #pool: WorkPool;
  readonly #mails;
  readonly #deliveries = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #failing = false;

  constructor({ server, from }: MailerConfig, deps: MailerDeps) {
    this.#deps = deps;
    this.#from = from;
    const { host, port, tls, auth } = server;
    this.#transport = createTransport({
      host,
      port,
      secure: tls === 'always',
      requireTLS: tls === 'upgrade',
      ignoreTLS: tls === 'off',
      tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      ...(auth === undefined ? {} : { auth }),
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      dnsTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    this.#pool = new WorkPool(AT_ONCE, MAX_HELD, deps.clock);
    this.#mails = deps.metrics.counter('bongsu_mails_total', 'Mails by kind and outcome.', [
      'kind',
      'outcome',
    ]);
  }

  /** Returns at once. */
  send(mail: Mail): void {
    if (this.#stopping.signal.aborted || this.#deliveries.size >= MAX_HELD) {
      this.#drop(mail.kind);
      return;
    }
    const delivery = this.#deliver(mail).finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
  }

  /** Mails under way get a few seconds, those that wait for another try none. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    const patience = new AbortController();
    const giveUp = sleep(this.#deps.clock, STOP_MS, patience.signal).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#deliveries), giveUp]);
    patience.abort();
    this.#transport.close();
  }

  /** Never rejects. */
  async #deliver(mail: Mail): Promise<void> {
    const { signal } = this.#stopping;
    for (const waitMs of [...BACKOFF_MS, undefined]) {
      const fault = await this.#pool.run(() => this.#attempt(mail));
      if (!fault) {
        this.#failing = false;
        return this.#mails.inc({ kind: mail.kind, outcome: 'sent' });
      }
      const isLast = waitMs === undefined || !fault.passes;
      this.#tell(mail.kind, fault, isLast);
      if (isLast) return this.#mails.inc({ kind: mail.kind, outcome: 'failed' });
      const waited = await sleep(this.#deps.clock, waitMs, signal).then(
        () => true,
        () => false,
      );
      if (!waited) return this.#drop(mail.kind);
    }
  }

  async #attempt({ to, subject, text }: Mail): Promise<MailFault | undefined> {
    try {
      await this.#transport.sendMail({
        from: this.#from,
        // As an object: what is in it is one address, whatever it looks like.
        to: { name: '', address: to },
        subject,
        text,
        textEncoding: 'quoted-printable',
        xMailer: false,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return undefined;
    } catch (error) {
      return faultOf(error);
    }
  }

  /** That mails wait is told once, until one is sent; that one is lost, each time. */
  #tell(kind: MailKind, { passes: _, ...fault }: MailFault, isLast: boolean): void {
    if (isLast) this.#deps.log.error({ kind, ...fault }, 'A mail could not be sent');
    else if (!this.#failing) this.#deps.log.warn({ kind, ...fault }, 'Mails cannot be sent for now');
    this.#failing = true;
  }

  #drop(kind: MailKind): void {
    this.#mails.inc({ kind, outcome: 'dropped' });
    this.#deps.log.warn({ kind }, 'A mail was dropped: too many wait, or the server stops');
  }
}

/** What may be logged of a fault. */
interface MailFault {
  passes: boolean;
  smtpCode?: string;
  response?: number;
  /** Of this machine's own making only: a server's words may repeat the address. */
  reason?: string;
}

function faultOf(error: unknown): MailFault {
  const { code, responseCode, message } = error as { code?: string; responseCode?: number; message?: string };
  if (responseCode !== undefined) {
    const passes = responseCode < 500;
    return { passes, response: responseCode, ...(code === undefined ? {} : { smtpCode: code }) };
  }
  const isLasting = code !== undefined && LASTING.has(code);
  return {
    passes: !isLasting,
    ...(code === undefined ? {} : { smtpCode: code }),
    ...(isLasting || message === undefined ? {} : { reason: message }),
  };
}
