/** What people are told about their account. */
export type NoticeKind =
  | 'password-changed'
  | 'password-reset'
  | 'second-factor-on'
  | 'second-factor-off'
  | 'token-reuse';

export type MailKind = 'reset' | 'verify' | 'taken' | NoticeKind;

export interface MailText {
  subject: string;
  text: string;
}

/**
 * Every text that is mailed. Nothing that a stranger typed is ever in one, not even the name: whoever signs up with somebody
 * else's address would write to them through us.
 */
const CLOSING = (site: string) => `\n--\nThis mail was sent by ${site}. Nobody reads answers to it.\n`;

export function resetMail(site: string, link: string): MailText {
  return {
    subject: 'Reset your password',
    text: `Somebody asked for a new password for your account at ${site}.

To choose one, open this link within an hour:

${link}

It works once. If it was not you, do nothing: your password stays as it is.
${CLOSING(site)}`,
  };
}

export function verifyMail(site: string, link: string): MailText {
  return {
    subject: 'Confirm your address',
    text: `Somebody signed up at ${site} with this address.

If that was you, open this link within 24 hours:

${link}

If it was not you, do not open it: without it there will be no account, and
whoever typed your address gets nowhere.
${CLOSING(site)}`,
  };
}

/** The answer to a sign-up with a taken address goes to its owner, and to nobody else. */
export function takenMail(site: string, resetPage: string): MailText {
  return {
    subject: 'You already have an account',
    text: `Somebody tried to sign up at ${site} with this address, which already
has an account. Nothing was changed.

If it was you, log in instead. A forgotten password can be reset here:

${resetPage}
${CLOSING(site)}`,
  };
}

const NOTICES: Record<NoticeKind, { subject: string; happened: string }> = {
  'password-changed': {
    subject: 'Your password was changed',
    happened: 'the password of your account was changed, and all other logins were ended.',
  },
  'password-reset': {
    subject: 'Your password was reset',
    happened: 'the password of your account was reset by a link from a mail, and all logins were ended.',
  },
  'second-factor-on': {
    subject: 'Two-step login was turned on',
    happened: 'a second factor was added to your account.',
  },
  'second-factor-off': {
    subject: 'Two-step login was turned off',
    happened: 'the second factor of your account was removed.',
  },
  'token-reuse': {
    subject: 'A login of yours was ended',
    happened: 'a login of your account was used from two places at once, so it was ended.',
  },
};

export function noticeMail(kind: NoticeKind, site: string, resetPage: string): MailText {
  const { subject, happened } = NOTICES[kind];
  return {
    subject,
    text: `At ${site},
${happened}

If it was you, there is nothing to do. If it was not, choose a new password now:

${resetPage}
${CLOSING(site)}`,
  };
}
