import { describe, expect, it } from 'vitest';
import { generateCSRFToken, siteOf, verifyCSRFToken } from './csrf.js';

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const LOGIN = { sessionId: 'login-1', now: 1_000_000 };
const make = (over = {}) => generateCSRFToken(KEY, { ...LOGIN, lifetimeMs: 1000, ...over });

describe('generateCSRFToken, verifyCSRFToken', () => {
  it('[SEC1] a token is good for its login until its end, with any key that made it', () => {
    expect(verifyCSRFToken([KEY], make(), LOGIN)).toBe(true);
    expect(verifyCSRFToken([OTHER, KEY], make(), { ...LOGIN, now: LOGIN.now + 999 })).toBe(true);
    expect(verifyCSRFToken([KEY], make(), { ...LOGIN, now: LOGIN.now + 1000 })).toBe(false);
    expect(verifyCSRFToken([KEY], make(), { ...LOGIN, sessionId: 'login-2' })).toBe(false);
    expect(verifyCSRFToken([OTHER], make(), LOGIN)).toBe(false);
    expect(verifyCSRFToken([], make(), LOGIN)).toBe(false);
  });

  it('[SEC1] no two are alike, and chance alone makes the difference', () => {
    expect(make()).not.toBe(make());
    const random = new Uint8Array(16);
    expect(make({ random })).toBe(make({ random }));
  });

  it('[SEC1] nothing altered passes: not one byte, not one spelling', () => {
    const token = make();
    const bytes = Buffer.from(token, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(verifyCSRFToken([KEY], altered.toString('base64url'), LOGIN), `byte ${at}`).toBe(false);
    }
    for (const spelling of [
      `${token}=`,
      ` ${token}`,
      `${token}A`,
      token.slice(1),
      bytes.toString('base64'),
      '',
    ])
      expect(verifyCSRFToken([KEY], spelling, LOGIN), spelling).toBe(spelling === token);
  });
});

describe('siteOf', () => {
  const HOST = 'kiosk.local:3000';
  it.each([
    ['same-origin', undefined, 'own'],
    ['none', undefined, 'own'],
    ['cross-site', 'https://listed.example', 'own'],
    [undefined, 'https://listed.example', 'own'],
    [undefined, `http://${HOST}`, 'own'],
    [undefined, undefined, 'silent'],
    ['same-site', undefined, 'foreign'],
    ['cross-site', `http://${HOST}`, 'foreign'],
    ['same-origin, cross-site', undefined, 'foreign'],
    ['SAME-ORIGIN', undefined, 'foreign'],
    ['', undefined, 'foreign'],
    [undefined, 'null', 'foreign'],
    [undefined, 'http://kiosk.local', 'foreign'],
    [undefined, 'https://listed.example.evil.example', 'foreign'],
    [undefined, '', 'foreign'],
  ] as const)('[SEC1] Sec-Fetch-Site %s and Origin %s: %s', (secFetchSite, origin, expected) => {
    expect(siteOf({ secFetchSite, origin, host: HOST }, ['https://listed.example'])).toBe(expected);
  });
});
