import { describe, expect, it } from 'vitest';
import {
  ago,
  deviceName,
  inGroups,
  jsonText,
  latency,
  pairingCode,
  plainCode,
  programName,
  until,
  waitTime,
} from './format.js';

describe('format', () => {
  it('[USR1] shows latencies with as many digits as a person can use', () => {
    expect(latency(4.23, 'en')).toBe('4.2 ms');
    expect(latency(87.6, 'en')).toBe('88 ms');
    expect(latency(1834, 'en')).toBe('1.8 sec');
    expect(latency(61_000, 'en')).toBe('61 sec');
    expect(latency(-3, 'en')).toBe('0 ms');
  });

  it('[SEC3] rounds a wait up, so that nobody tries again too early', () => {
    expect(waitTime(11_001, 'en')).toBe('12 sec');
    expect(waitTime(1, 'en')).toBe('1 sec');
    expect(waitTime(99_000, 'en')).toBe('99 sec');
    expect(waitTime(871_500, 'en')).toBe('14 min 32 sec');
    expect(waitTime(900_000, 'en')).toBe('15 min');
  });

  it('[USR1] tells how long ago in the largest unit, and never of the future', () => {
    const now = 1_700_000_000_000;
    expect(ago(now - 59_000, now, 'en')).toBeUndefined();
    expect(ago(now - 5 * 60_000, now, 'en')).toBe('5 minutes ago');
    expect(ago(now - 26 * 3_600_000, now, 'en')).toBe('yesterday');
    expect(ago(now + 60_000, now, 'en')).toBeUndefined();
  });

  it('[USR1] tells when something comes in the largest unit, and counts no seconds', () => {
    const now = 1_700_000_000_000;
    expect(until(now + 59_000, now, 'en')).toBeUndefined();
    expect(until(now - 5000, now, 'en')).toBeUndefined();
    expect(until(now + 61_000, now, 'en')).toBe('in 2 minutes');
    expect(until(now + 23.5 * 3_600_000, now, 'en')).toBe('in 24 hours');
    expect(until(now + 3_603_000, now, 'en')).toBe('in 2 hours');
    expect(until(now + 3_603_000, now, 'en', Math.round)).toBe('in 1 hour');
  });

  it('[MSG3] shows short data on one line and changes nothing in it', () => {
    expect(jsonText({ volume: 0.8 })).toBe('{ "volume": 0.8 }');
    expect(jsonText({ text: 'a\n  b' })).toBe('{ "text": "a\\n  b" }');
    const long = { list: Array.from({ length: 30 }, (_, index) => index) };
    expect(JSON.parse(jsonText(long))).toEqual(long);
    expect(jsonText(long)).toContain('\n');
  });

  it('[USR1] makes the code of the screen out of whatever was typed', () => {
    expect(pairingCode('abcd2345')).toBe('ABCD-2345');
    expect(pairingCode(' abcd - 2345 ')).toBe('ABCD-2345');
    expect(pairingCode('abc')).toBe('ABC');
    expect(pairingCode('ABCD-2345-TOO-LONG')).toBe('ABCD-2345');
  });

  it('[USR1] names a device out of its user agent, or nothing at all', () => {
    const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36';
    expect(deviceName(chrome)).toEqual({ browser: 'Chrome', system: 'Linux' });
    expect(deviceName(`${chrome} Edg/140.0.0.0`)).toEqual({ browser: 'Edge', system: 'Linux' });
    const tv =
      'Mozilla/5.0 (Linux; Tizen 6.0) AppleWebKit/537.36 SamsungBrowser/2.0 Chrome/76 TV Safari/537.36';
    expect(deviceName(tv)).toEqual({ browser: 'Samsung Internet', system: 'Tizen' });
    expect(deviceName('curl/8.5.0')).toBeUndefined();
  });

  it('[USR3] names a login that no browser made by its program', () => {
    const iphone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140.0 Mobile Safari/604.1';
    expect(deviceName(iphone)).toEqual({ browser: 'Chrome', system: 'iOS' });
    expect(programName('curl/8.5.0')).toBe('curl');
    expect(programName('my-robot')).toBe('my-robot');
  });

  it('[USR2] takes a code as people copy it, and shows a secret as people read it', () => {
    expect(plainCode(' 123 456\n')).toBe('123456');
    expect(plainCode('abcd-EFGH')).toBe('abcd-EFGH');
    expect(inGroups('JBSWY3DPEHPK3P')).toBe('JBSW Y3DP EHPK 3P');
  });
});
