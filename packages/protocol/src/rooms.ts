import { countCodePoints } from './common.js';
import { ValidationError } from './errors.js';

const ROOM_ID = /^[A-Za-z0-9_-]{3,100}$/;

/** True when an event came with an ack callback. Without one it is processed all the same. */
export function validateCallback(callback: unknown): callback is (answer: unknown) => void {
  return typeof callback === 'function';
}

/** Returns the room id, 3–100 of [A-Za-z0-9_-]. @throws ValidationError */
export function validateRoomId(id: unknown): string {
  if (typeof id === 'string' && ROOM_ID.test(id)) return id;
  throw new ValidationError([{ path: 'roomId', message: 'must be 3 to 100 of A-Z, a-z, 0-9, _ and -' }]);
}

/** Returns the name, 2–50 code points of the raw text; it is escaped on output, never on input. @throws ValidationError */
export function validateRoomName(name: unknown): string {
  if (typeof name === 'string') {
    const length = countCodePoints(name);
    if (length >= 2 && length <= 50) return name;
  }
  throw new ValidationError([{ path: 'name', message: 'must have 2 to 50 characters' }]);
}
