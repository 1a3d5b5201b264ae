import { describe, expect, it } from 'vitest';
import { EmailSchema, PasswordSchema, UsernameSchema } from './identity.js';
import { validateCallback, validateRoomId, validateRoomName } from './rooms.js';

describe('identity schemas', () => {
  it('[SEC4] an e-mail address is normalised before it is checked', () => {
    expect(EmailSchema.parse('  ADA@Example.COM ')).toBe('ada@example.com');
    // A full-width "＠" becomes "@" first: no second spelling of one address.
    expect(EmailSchema.parse('ada＠example.com')).toBe('ada@example.com');
    expect(EmailSchema.safeParse('ada@').success).toBe(false);
    expect(EmailSchema.safeParse('a\0da@example.com').success).toBe(false);
  });

  it.each(['Ada Lovelace', '홍길동', '봉수 Bongsu', '山田ハナコ', 'Jürgen', "O'Brien", 'علي'])(
    '[SEC4] takes the name %s',
    (name) => {
      expect(UsernameSchema.parse(name)).toBe(name.normalize('NFKC'));
    },
  );

  it.each(['a', 'x'.repeat(51), 'аdmin', 'a\u202Eb', 'a\0b', '\uD800\uD800', '   '])(
    '[SEC4] refuses the name %j',
    (name) => {
      expect(UsernameSchema.safeParse(name).success).toBe(false);
    },
  );

  it('[SEC4] a password has 8 to 128 code points', () => {
    expect(PasswordSchema.safeParse('1234567').success).toBe(false);
    expect(PasswordSchema.safeParse('12345678').success).toBe(true);
    expect(PasswordSchema.safeParse('😀'.repeat(128)).success).toBe(true);
    expect(PasswordSchema.safeParse('😀'.repeat(129)).success).toBe(false);
  });
});

describe('validators', () => {
  it('[SEC4] validateRoomId takes 3 to 100 of its characters and throws otherwise', () => {
    expect(validateRoomId('a_b-9')).toBe('a_b-9');
    for (const id of ['ab', 'x'.repeat(101), 'a b c', '<script>', 5, null])
      expect(() => validateRoomId(id)).toThrow();
  });

  it('[SEC4] [RM24] validateRoomName takes blanks off the ends, counts code points of the raw text and changes nothing else', () => {
    expect(validateRoomName(' <b>\u3000')).toBe('<b>');
    expect(validateRoomName('😀'.repeat(50))).toHaveLength(100);
    for (const name of ['a', '   ', ' a ', '😀'.repeat(51), 7])
      expect(() => validateRoomName(name)).toThrow();
  });

  it('[SEC4] validateCallback tells a function', () => {
    expect(validateCallback(() => undefined)).toBe(true);
    expect(validateCallback({})).toBe(false);
  });
});
