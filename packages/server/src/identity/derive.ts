import { hkdfSync } from 'node:crypto';

/** One key per purpose, so that what one of them does can never help against another. 32 bytes each. */
export interface DerivedKeys {
  /** Wraps private signing keys, and the check that JWT_SECRET belongs to the database. */
  readonly jwkWrap: Uint8Array;
  /** Signs access tokens when JWT_ALG is HS256. */
  readonly jwtHs256: Uint8Array;
  /** Proves that a refresh token was made here. */
  readonly refreshMac: Uint8Array;
  /** Makes the successor of a refresh token. */
  readonly refreshSuccessor: Uint8Array;
  /** Signs the tokens against cross-site requests. */
  readonly csrf: Uint8Array;
  /** Proves that the cookie of a known device was made here. */
  readonly deviceMac: Uint8Array;
}

/** HKDF-SHA-256 of JWT_SECRET; the labels are part of the format and never change. */
export function deriveKeys(jwtSecret: string): DerivedKeys {
  const derive = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', jwtSecret, 'bongsu', `bongsu/${purpose}/v1`, 32));
  return {
    jwkWrap: derive('jwk-wrap'),
    jwtHs256: derive('jwt-hs256'),
    refreshMac: derive('refresh-mac'),
    refreshSuccessor: derive('refresh-successor'),
    csrf: derive('csrf'),
    deviceMac: derive('device-mac'),
  };
}

/**
 * The keys of JWT_SECRET, and after them those of JWT_SECRET_PREVIOUS while it is given: the first make what is made, all
 * understand what was made.
 */
export type SecretRing = readonly [current: DerivedKeys, ...previous: DerivedKeys[]];

export function deriveRing(jwtSecret: string, previous: string | undefined): SecretRing {
  return [deriveKeys(jwtSecret), ...(previous === undefined ? [] : [deriveKeys(previous)])];
}
