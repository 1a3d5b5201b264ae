import { ErrorResponseSchema, type WireError } from '@bongsu/protocol';
import { expect } from 'vitest';

export interface HttpAnswer {
  status: number;
  headers: Headers;
  /** Parsed JSON, or undefined where the body is none. */
  body: unknown;
  text: string;
}

export interface HttpCall {
  token?: string | undefined;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: string;
  headers?: Record<string, string>;
}

export class HttpClient {
  constructor(readonly url: string) {}

  /** `path` starts with "/"; "/api" is not added, for some routes live outside it. */
  async call(method: string, path: string, call: HttpCall = {}): Promise<HttpAnswer> {
    const payload = call.raw ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
        ...call.headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parsed(text), text };
  }

  get(path: string, token?: string, headers?: Record<string, string>): Promise<HttpAnswer> {
    return this.call('GET', path, { token, ...(headers === undefined ? {} : { headers }) });
  }

  post(path: string, body: unknown, token?: string, headers?: Record<string, string>): Promise<HttpAnswer> {
    return this.call('POST', path, { body, token, ...(headers === undefined ? {} : { headers }) });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asserts the status and the shape, and returns the body. */
export function expectBody<Body>(
  answer: HttpAnswer,
  status: number,
  schema: { parse(body: unknown): Body },
): Body {
  expect(answer.status, answer.text).toBe(status);
  return schema.parse(answer.body);
}

/** Asserts a failure with the catalogue's status and this code, and returns the error. */
export function expectFailure(answer: HttpAnswer, status: number, code: string): WireError {
  expect({ status: answer.status, body: answer.body }, answer.text).toMatchObject({
    status,
    body: { success: false, error: { code } },
  });
  return ErrorResponseSchema.parse(answer.body).error as WireError;
}

/** What is left of a failure when two are compared: request ids differ always. */
export function comparable(answer: HttpAnswer): unknown {
  const { requestId: _, ...rest } = ErrorResponseSchema.parse(answer.body);
  return { status: answer.status, ...rest };
}
