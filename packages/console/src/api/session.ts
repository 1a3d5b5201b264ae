import type { ClientTokenManager } from '@bongsu/client';
import type { SignedIn, User } from '@bongsu/protocol';
import { isAway } from './problem.js';

export interface NewAccount {
  email: string;
  password: string;
  username: string;
}

/**
 * Who is signed in here. The refresh token is in an HttpOnly cookie and the access token in memory. A script that got
 * into this page can act as its user while it runs; what it can take along is an access token, good for minutes.
 */
export class Session {
  /** undefined: not looked up yet; null: nobody. */
  #user: User | null | undefined;
  #restoring: Promise<User | null> | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #tokens: ClientTokenManager;

  constructor(tokens: ClientTokenManager) {
    this.#tokens = tokens;
    tokens.on('signed-out', () => this.#set(null));
  }

  get user(): User | null | undefined {
    return this.#user;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Tries the refresh cookie once; later calls give the same answer. @throws when the server is away */
  restore(): Promise<User | null> {
    if (this.#user !== undefined) return Promise.resolve(this.#user);
    this.#restoring ??= this.#restore().finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  setUp = (account: NewAccount & { token: string }) => this.#enter(this.#tokens.setup(account));
  signUp = (account: NewAccount) => this.#enter(this.#tokens.signup(account));
  signIn = (login: { email: string; password: string; rememberMe: boolean }) =>
    this.#enter(this.#tokens.login(login));
  /** The second step of a log-in. */
  verify = (proof: { challengeId: string; code: string }) => this.#enter(this.#tokens.verifyMfa(proof));

  /** The signed-in user as the server has just told. */
  changed(user: User): void {
    if (this.#user?.userId === user.userId) this.#set(user);
  }

  /** Ends the login; a server that cannot be reached does not keep anybody signed in here. */
  async signOut(): Promise<void> {
    await this.#tokens.logout().finally(() => this.#set(null));
  }

  async #restore(): Promise<User | null> {
    try {
      await this.#tokens.getToken();
      return this.#set(await this.#tokens.request<User>('/api/users/me'));
    } catch (error) {
      // Only a refusal means that nobody is signed in; a server that is away must not sign people out.
      if (isAway(error)) throw error;
      return this.#set(null);
    }
  }

  async #enter<Other extends object>(answering: Promise<SignedIn | Other>): Promise<User | Other> {
    const answer = await answering;
    return 'user' in answer ? this.#set(answer.user) : answer;
  }

  #set<Who extends User | null>(user: Who): Who {
    this.#user = user;
    for (const listener of this.#listeners) listener();
    return user;
  }
}
