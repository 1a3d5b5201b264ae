import { ERRORS, type ErrorCode, ErrorResponseSchema } from '@bongsu/protocol';

type RefusalResponses = Record<
  400 | 401 | 403 | 404 | 409 | 410 | 413 | 423 | 429 | 503,
  typeof ErrorResponseSchema
>;

/** What a route can answer instead of success, for its OpenAPI entry: a sentence with the codes, and their statuses. */
export function refusals(...codes: ErrorCode[]): {
  description: string;
  responses: Partial<RefusalResponses>;
} {
  const statuses = new Set(codes.map((code) => ERRORS[code].status));
  return {
    description: `Errors: ${codes.join(', ')}.`,
    responses: Object.fromEntries([...statuses].map((status) => [status, ErrorResponseSchema])),
  };
}
