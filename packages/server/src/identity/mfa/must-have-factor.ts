import type { Role } from '@bongsu/protocol';
import type { IdentityConfig } from '../config.js';

/** Whether MFA_REQUIRED_FOR asks a second factor of somebody with that role. */
export function mustHaveFactor(
  { mfaRequiredFor }: Pick<IdentityConfig, 'mfaRequiredFor'>,
  role: Role,
): boolean {
  return mfaRequiredFor === 'everybody' || (mfaRequiredFor === 'admins' && role === 'admin');
}
