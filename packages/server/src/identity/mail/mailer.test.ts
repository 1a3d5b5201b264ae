import { afterEach, describe, expect, it } from 'vitest';
import { MailInbox } from '../../../test/support/mail-inbox.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { systemClock } from '../../platform/clock.js';
import { Metrics } from '../../platform/metrics.js';
import { type Mail, Mailer, type SmtpServer } from './mailer.js';

const FROM = { name: 'Bongsu', address: 'noreply@example.org' };
const mail: Mail = { kind: 'reset', to: 'ada@example.com', subject: 'Hello', text: 'A line.\n' };

describe('Mailer', () => {
  const cleanUps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (let next = cleanUps.pop(); next; next = cleanUps.pop()) await next();
  });

  const inbox = async (options: Parameters<typeof MailInbox.start>[0] = {}) => {
    const started = await MailInbox.start(options);
    cleanUps.push(() => started.stop());
    return started;
  };
  const mailer = (server: Partial<SmtpServer> & { port: number }, clock = systemClock) => {
    const log = memoryLog();
    const metrics = new Metrics();
    const config = { host: '127.0.0.1', tls: 'off', auth: undefined, ...server } as const;
    const made = new Mailer({ server: config, from: FROM }, { clock, log, metrics });
    cleanUps.push(() => made.stop());
    const count = async (outcome: string) => {
      const line = (await metrics.text()).split('\n').find((text) => text.includes(`outcome="${outcome}"`));
      return Number(line?.split(' ').at(-1) ?? 0);
    };
    return { mailer: made, log, count };
  };

  it('[USR1] hands a mail to the server: plain text, from MAIL_FROM, to one address', async () => {
    const server = await inbox();
    const { mailer: sender, count } = mailer({ port: server.port });
    sender.send(mail);
    const received = await server.next();
    expect(received).toMatchObject({ from: FROM.address, to: ['ada@example.com'], text: 'A line.\n' });
    expect(Object.fromEntries(received.headers)).toMatchObject({
      from: 'Bongsu <noreply@example.org>',
      to: 'ada@example.com',
      subject: 'Hello',
      'content-type': 'text/plain; charset=utf-8',
      'auto-submitted': 'auto-generated',
    });
    await expect.poll(() => count('sent')).toBe(1);
  });

  it('[USR1] logs in where the server asks for it', async () => {
    const auth = { user: 'bongsu', pass: 'p@ss/word' };
    const server = await inbox({ auth });
    mailer({ port: server.port, auth }).mailer.send(mail);
    expect((await server.next()).user).toBe('bongsu');
  });

  it('[USR1] wrong credentials are told at once, without the address and without them', async () => {
    const server = await inbox({ auth: { user: 'bongsu', pass: 'right' } });
    const {
      mailer: sender,
      log,
      count,
    } = mailer({
      port: server.port,
      auth: { user: 'bongsu', pass: 'wrong-pass' },
    });
    sender.send(mail);
    await expect.poll(() => count('failed')).toBe(1);
    expect(log.lines).toEqual([
      {
        level: 'error',
        context: { kind: 'reset', response: 535, smtpCode: 'EAUTH' },
        message: 'A mail could not be sent',
      },
    ]);
  });

  it('[USR1] a server that is away and comes back gets the mail', async () => {
    const gone = await MailInbox.start();
    await gone.stop();
    const clock = new ManualClock();
    const { mailer: sender, log, count } = mailer({ port: gone.port }, clock);
    sender.send(mail);
    await expect.poll(() => clock.pending).toBe(1);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
    clock.advance(1000);
    await expect.poll(() => clock.pendingAt(clock.now() + 5000)).toBe(true);
    const back = await inbox({ port: gone.port });
    clock.advance(5000);
    expect((await back.next()).to).toEqual(['ada@example.com']);
    await expect.poll(() => count('sent')).toBe(1);
  });

  it('[USR1] a refusal for good is not tried again, one that may pass is; neither logs an address', async () => {
    const clock = new ManualClock();
    let code = 550;
    const server = await inbox({
      refuse: (address) => (code === 0 ? undefined : { code, message: `no mailbox ${address}` }),
    });
    const { mailer: sender, log, count } = mailer({ port: server.port }, clock);
    sender.send(mail);
    await expect.poll(() => count('failed')).toBe(1);
    expect(clock.pending).toBe(0);
    code = 451;
    sender.send(mail);
    await expect.poll(() => clock.pending).toBe(1);
    code = 0;
    clock.advance(1000);
    await server.next();
    expect(server.mails).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toContain('ada@');
  });

  it('[USR1] gives up after a few tries', async () => {
    const gone = await MailInbox.start();
    await gone.stop();
    const clock = new ManualClock();
    const { mailer: sender, log, count } = mailer({ port: gone.port }, clock);
    sender.send(mail);
    for (const waitMs of [1000, 5000, 30_000, 120_000]) {
      await expect.poll(() => clock.pendingAt(clock.now() + waitMs)).toBe(true);
      clock.advance(waitMs);
    }
    await expect.poll(() => count('failed')).toBe(1);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
  });

  it('[USR1] what is too much in hand is dropped, and counted', async () => {
    const gone = await MailInbox.start();
    await gone.stop();
    const { mailer: sender, count } = mailer({ port: gone.port }, new ManualClock());
    for (let n = 0; n < 1003; n += 1) sender.send(mail);
    expect(await count('dropped')).toBe(3);
  });

  it('[USR1] STARTTLS that is not offered is no reason to send in clear', async () => {
    const server = await inbox();
    const { mailer: sender, count } = mailer({ port: server.port, tls: 'upgrade' });
    sender.send(mail);
    await expect.poll(() => count('failed'), { timeout: 10_000 }).toBe(1);
    expect(server.mails).toEqual([]);
  });

  it('[DEP1] a stop ends the wait for another try', async () => {
    const gone = await MailInbox.start();
    await gone.stop();
    const clock = new ManualClock();
    const { mailer: sender, count } = mailer({ port: gone.port }, clock);
    sender.send(mail);
    await expect.poll(() => clock.pending).toBe(1);
    await sender.stop();
    expect(await count('dropped')).toBe(1);
    sender.send(mail);
    expect(await count('dropped')).toBe(2);
  });
});
