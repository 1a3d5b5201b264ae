import { BongsuError, type ErrorCode } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { isForGood, plainEnd } from './call-end.js';

const refused = (code: ErrorCode, details?: object) => {
  const end = plainEnd({ reason: 'refused', error: new BongsuError(code, { details }) });
  return [end.reason, end.error?.code, isForGood(end)];
};

describe('the end of a call', () => {
  it('[RM207] is told by what happened where a refusal says it, and is for good where joining again is refused too', () => {
    expect(refused('FORBIDDEN', { reason: 'kicked' })).toEqual(['kicked', undefined, true]);
    expect(refused('ROOM_NOT_FOUND')).toEqual(['missing', undefined, true]);
    expect(refused('ROOM_CLOSED')).toEqual(['closed', undefined, true]);
    expect(refused('ROOM_CLOSED', { reason: 'idle' })).toEqual(['idle', undefined, true]);
    expect(refused('ROOM_CLOSED', { reason: 'replaced' })).toEqual(['replaced', undefined, false]);
    expect(refused('FORBIDDEN')).toEqual(['refused', 'FORBIDDEN', false]);
    expect(refused('ROOM_LOCKED', { reason: 'toString' })).toEqual(['refused', 'ROOM_LOCKED', false]);
    const reasons = ['kicked', 'closed', 'empty', 'idle', 'left', 'timeout', 'disconnected'];
    expect(reasons.filter((reason) => isForGood({ reason }))).toEqual(['kicked', 'closed', 'empty', 'idle']);
  });
});
