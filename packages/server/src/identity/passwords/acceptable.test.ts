import { describe, expect, it } from 'vitest';
import { assertAcceptablePassword, passwordFault } from './acceptable.js';

const context = {
  email: 'ada.lovelace@engines.example.com',
  username: 'Countess Ada',
  serviceName: 'lobby-tv',
};

describe('acceptable passwords', () => {
  it.each(['password', 'Password1', '12345678', 'QWERTYUIOP', 'ｐａｓｓｗｏｒｄ', 'iloveyou', 'trustno1'])(
    '[SEC4] a common one is refused in any case and width: %s',
    (password) => {
      expect(passwordFault(password, context)).toMatch(/commonest/);
    },
  );

  it.each([
    'ada.lovelace',
    'AdaLovelace',
    'ada.lovelace1815',
    '!!ada-lovelace!!',
    'ada.lovelace@engines.example.com',
    'engines.example.com',
    'engines2024',
    'countess ada',
    '1815CountessAda!',
    'lobby-tv',
    'LobbyTV2024',
    'bongsu123',
    '2024-bongsu',
  ])('[SEC4] just a word of its context is refused: %s', (password) => {
    expect(passwordFault(password, context)).toMatch(/just the address/);
  });

  it.each([
    'correct horse battery',
    'lovelace and babbage',
    'countess of something',
    'bongsu is a beacon',
    '비밀번호여덟글자',
    '83920174655',
    'xxk2 9fj2',
  ])('[SEC4] anything else is accepted, without rules of composition: %s', (password) => {
    expect(passwordFault(password, context)).toBeUndefined();
  });

  it('[SEC4] a name of digits is refused as it is, and a very short one does not count', () => {
    expect(passwordFault('83920174655', { ...context, username: '83920174655' })).toBeDefined();
    expect(passwordFault('12345-al-678901', { ...context, username: 'Al' })).toBeUndefined();
  });

  it('[SEC4] the refusal names the field', () => {
    expect(() => assertAcceptablePassword('password1', context)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_ERROR',
        details: [{ path: 'password', message: expect.any(String) }],
      }),
    );
  });
});
