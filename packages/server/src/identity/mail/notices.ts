import type { Core } from '../core.js';
import { findPasswordOwner } from '../store/passwords.js';
import { forgotPage } from './links.js';
import { type NoticeKind, noticeMail } from './templates.js';

export interface NoticesDeps extends Pick<Core, 'config' | 'database' | 'mailer' | 'errands' | 'publicUrl'> {
  people: Core['people'];
}

/** Tells people by mail what happened to their account, where mail can be sent and the address is theirs for all we know. */
export class Notices {
  readonly #deps: NoticesDeps;

  constructor(deps: NoticesDeps) {
    this.#deps = deps;
  }

  /** Call it after the commit. Returns at once; a notice that cannot be sent is left out. */
  send(kind: NoticeKind, userId: string): void {
    const { mailer, errands } = this.#deps;
    if (mailer) errands.offer('notice', () => this.#send(kind, userId));
  }

  async #send(kind: NoticeKind, userId: string): Promise<void> {
    const { config, database, mailer, people, publicUrl } = this.#deps;
    const owner = await findPasswordOwner(database, userId);
    if (!owner) return;
    if (config.emailVerification === 'required' && owner.emailVerifiedAt === null) return;
    const site = publicUrl();
    mailer?.send({ kind, to: people().addressOf(owner), ...noticeMail(kind, site, forgotPage(site)) });
  }
}
