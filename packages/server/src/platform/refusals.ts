import { ERRORS, type ErrorCode, ErrorResponseSchema } from '@bongsu/protocol';

type RefusalResponses = Record<
  400 | 401 | 403 | 404 | 409 | 410 | 413 | 423 | 429 | 503 | 504,
  typeof ErrorResponseSchema
>;

/**
 * What a route itself can answer instead of success, for its OpenAPI entry. What it refuses for its right and its limit comes of
 * these (gateway/openapi.ts).
 */
export function refusals(...codes: ErrorCode[]): {
  codes: ErrorCode[];
  responses: Partial<RefusalResponses>;
} {
  const statuses = new Set(codes.map((code) => ERRORS[code].status));
  return {
    codes,
    responses: Object.fromEntries([...statuses].map((status) => [status, ErrorResponseSchema])),
  };
}
