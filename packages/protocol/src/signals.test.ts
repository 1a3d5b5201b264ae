import { describe, expect, it } from 'vitest';
import { parseInput } from './common.js';
import { BongsuError } from './errors.js';
import { MAX_CANDIDATE_BYTES, MAX_SDP_BYTES } from './limits.js';
import { AnswerSchema, CandidateSchema, IceCandidateSchema, OfferSchema, SignalSchema } from './signals.js';

const TO = '0b0f2a5e-6f7d-4a55-9a3e-0f6b5f1d2c3b';
const address = { roomId: 'stand-up', to: TO };
const signal = (content: object) => ({ ...address, negotiationId: 'n1', ...content });
const offer = (sdp: unknown) => ({ type: 'offer', sdp });

function refusalOf(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof BongsuError) return error.code;
    throw error;
  }
  return 'allowed';
}
const ofSignal = (content: object) => refusalOf(() => parseInput(SignalSchema, signal(content)));

describe('signal', () => {
  it('[SIG4] [RM108] has exactly one of description, candidate and restart', () => {
    const description = offer('v=0');
    const candidate = { candidate: 'candidate:1' };
    for (const content of [{ description }, { candidate }, { candidate: null }, { restart: true }])
      expect(ofSignal(content)).toBe('allowed');
    for (const content of [
      {},
      { description, candidate },
      { description, candidate: null },
      { candidate, restart: true },
      { description, candidate, restart: true },
      { restart: false },
      { description: null },
    ])
      expect(ofSignal(content), JSON.stringify(content)).toBe('VALIDATION_ERROR');
  });

  it('[SIG4] [RM108] takes a description of exactly 64 KiB, and not a byte more', () => {
    const letters = (bytes: number) => 'a'.repeat(bytes);
    // Bytes, not characters.
    const syllables = (bytes: number) =>
      '가'.repeat((bytes - 1) / 3) + letters(bytes - 3 * ((bytes - 1) / 3));
    expect((MAX_SDP_BYTES - 1) % 3).toBe(0);
    for (const text of [letters, syllables]) {
      const sdp = text(MAX_SDP_BYTES);
      expect(ofSignal({ description: offer(sdp) })).toBe('allowed');
      expect(ofSignal({ description: offer(`${sdp}a`) })).toBe('PAYLOAD_TOO_LARGE');
    }
    expect(ofSignal({ description: offer('a'.repeat(1024 * 1024)) })).toBe('PAYLOAD_TOO_LARGE');
  });

  it('[SIG4] [RM108] takes a candidate of exactly 2 KiB, and not a byte more', () => {
    const empty = JSON.stringify({ candidate: '', sdpMid: '0', sdpMLineIndex: 0 }).length;
    const candidate = (bytes: number) => ({
      candidate: 'a'.repeat(bytes - empty),
      sdpMid: '0',
      sdpMLineIndex: 0,
    });
    expect(ofSignal({ candidate: candidate(MAX_CANDIDATE_BYTES) })).toBe('allowed');
    expect(ofSignal({ candidate: candidate(MAX_CANDIDATE_BYTES + 1) })).toBe('PAYLOAD_TOO_LARGE');
  });

  it('[SIG4] [RM109] keeps both ends of candidates, and the fields of a candidate as they came', () => {
    const parsed = (candidate: unknown) => parseInput(SignalSchema, signal({ candidate })).candidate;
    expect(parsed(null)).toBeNull();
    expect(parsed({ candidate: '' })).toEqual({ candidate: '' });
    expect(parsed({})).toEqual({ candidate: '' });
    const full = { candidate: 'candidate:1', sdpMid: null, sdpMLineIndex: 65_535, usernameFragment: 'Ab+/' };
    expect(parsed(full)).toEqual(full);
  });

  it('[SIG4] [RM108] refuses what is no text, number or id', () => {
    for (const content of [
      { description: offer('\ud800') },
      { description: offer('v=0\0') },
      { description: offer(1) },
      { description: offer(undefined) },
      { description: { type: 'rollback', sdp: '' } },
      { description: { sdp: 'v=0' } },
      { candidate: { candidate: '\udfff' } },
      { candidate: { candidate: 'c', sdpMid: '\ud800' } },
      { candidate: { candidate: 'c', usernameFragment: '\0' } },
      { candidate: { candidate: 'c', sdpMLineIndex: -1 } },
      { candidate: { candidate: 'c', sdpMLineIndex: 65_536 } },
      { candidate: { candidate: 'c', sdpMLineIndex: '0' } },
      { candidate: 'candidate:1' },
      { candidate: [] },
    ])
      expect(ofSignal(content), JSON.stringify(content)).toBe('VALIDATION_ERROR');
    const restart = { restart: true };
    for (const negotiationId of ['', 'a b', '<script>', 'a'.repeat(65), '한', 7, null])
      expect(ofSignal({ ...restart, negotiationId }), String(negotiationId)).toBe('VALIDATION_ERROR');
    for (const to of ['', 'somebody', null, [TO]])
      expect(ofSignal({ ...restart, to })).toBe('VALIDATION_ERROR');
    for (const roomId of ['ab', 'a'.repeat(101), 'a b', '<script>'])
      expect(ofSignal({ ...restart, roomId })).toBe('VALIDATION_ERROR');
    expect(ofSignal({ ...restart, negotiationId: '__proto__' })).toBe('allowed');
  });

  it('[SIG4] [RM100] whatever else is in it goes nowhere: a forged sender, a prototype', () => {
    const forged = JSON.parse(
      `{"roomId":"stand-up","to":"${TO}","negotiationId":"n1","from":"me","polite":true,"__proto__":{"admin":true},` +
        '"candidate":{"candidate":"c","from":"me","__proto__":{"admin":true},"constructor":1}}',
    );
    const parsed = parseInput(SignalSchema, forged);
    expect(Object.keys(parsed).sort()).toEqual(['candidate', 'negotiationId', 'roomId', 'to']);
    expect(Object.keys(parsed.candidate ?? {})).toEqual(['candidate']);
    for (const object of [parsed, parsed.candidate]) expect(object).not.toHaveProperty('admin');
    const description = JSON.parse('{"type":"offer","sdp":"v=0","__proto__":{"admin":true},"extra":1}');
    expect(Object.entries(parseInput(SignalSchema, signal({ description })).description ?? {})).toEqual([
      ['type', 'offer'],
      ['sdp', 'v=0'],
    ]);
    expect({}).not.toHaveProperty('admin');
  });
});

describe('plain events', () => {
  it('[SIG4] [RM105] take a description as an object or as its text, and keep an id', () => {
    expect(parseInput(OfferSchema, { ...address, offer: 'v=0' })).toEqual({
      ...address,
      offer: offer('v=0'),
    });
    expect(parseInput(OfferSchema, { ...address, offer: offer('v=0'), negotiationId: 'n1' })).toEqual({
      ...address,
      offer: offer('v=0'),
      negotiationId: 'n1',
    });
    expect(parseInput(AnswerSchema, { ...address, answer: 'v=0' }).answer).toEqual({
      type: 'answer',
      sdp: 'v=0',
    });
    expect(parseInput(IceCandidateSchema, { ...address, candidate: null }).candidate).toBeNull();
  });

  it('[SIG4] [RM108] have the same limits', () => {
    const ofOffer = (value: unknown) =>
      refusalOf(() => parseInput(OfferSchema, { ...address, offer: value }));
    const largest = 'a'.repeat(MAX_SDP_BYTES);
    for (const form of [(sdp: string) => sdp, offer]) {
      expect(ofOffer(form(largest))).toBe('allowed');
      expect(ofOffer(form(`${largest}a`))).toBe('PAYLOAD_TOO_LARGE');
      expect(ofOffer(form('\ud800'))).toBe('VALIDATION_ERROR');
    }
    for (const value of [undefined, null, 7, {}, { type: 'answer', sdp: 'v=0' }])
      expect(ofOffer(value)).toBe('VALIDATION_ERROR');
    const candidate = { candidate: 'a'.repeat(MAX_CANDIDATE_BYTES) };
    expect(refusalOf(() => parseInput(IceCandidateSchema, { ...address, candidate }))).toBe(
      'PAYLOAD_TOO_LARGE',
    );
    expect(refusalOf(() => parseInput(IceCandidateSchema, address))).toBe('VALIDATION_ERROR');
    expect(refusalOf(() => parseInput(CandidateSchema, undefined))).toBe('VALIDATION_ERROR');
  });
});
