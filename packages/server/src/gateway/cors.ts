/**
 * Cross-origin calls. Listed origins are named back and may send cookies; where every origin may call (CORS_ALLOW_ALL_ORIGINS), no
 * browser sends cookies or shows an answer to a request with them.
 */
export function corsOf(origins: readonly string[] | true): {
  origin: string | string[];
  credentials: boolean;
} {
  return origins === true ? { origin: '*', credentials: false } : { origin: [...origins], credentials: true };
}
