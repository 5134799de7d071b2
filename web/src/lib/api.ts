/** The REST calls. */
import type {
  ErrorBody,
  Image,
  ImagePage,
  LabelCount,
  ModerationPage,
  UploadForm,
  UploadStatus,
} from './protocol';

/** How long a call may take, in milliseconds: on a line that died without a word it would take for ever. */
const TIMEOUT_MS = 15_000;
/** How often what failed offline is tried again, in milliseconds. */
export const RETRY_MS = 5_000;
/** Shown for what is loaded again by itself. */
export const OFFLINE_RETRYING = "You're offline. We'll retry.";
/** Shown for what only the user can repeat. */
const OFFLINE = "You're offline. Try again once you're connected.";

/** A call that failed, with a message for people. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when the server was not reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    /** Where a query could not be parsed: a character counted from 0. */
    readonly position?: number,
    /** What was expected there. */
    readonly expected?: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export interface Tokens {
  token(): Promise<string | undefined>;
  renew(): Promise<string | undefined>;
  /** No token can be had: the user must sign in again. */
  ended(): void;
}

export interface ImageQuery {
  q?: string;
  minConfidence?: number;
  language?: string;
  limit?: number;
  cursor?: string | undefined;
}

export class Api {
  constructor(
    private readonly base: string,
    private readonly tokens: Tokens,
  ) {}

  images(query: ImageQuery, signal?: AbortSignal): Promise<ImagePage> {
    const parameters = {
      q: query.q === '' ? undefined : query.q,
      min_confidence: query.minConfidence,
      language: query.language,
      limit: query.limit,
      cursor: query.cursor,
    };
    return this.#json('GET', `/images${encode(parameters)}`, { signal });
  }

  image(id: string, signal?: AbortSignal): Promise<Image> {
    return this.#json('GET', `/images/${encodeURIComponent(id)}`, { signal });
  }

  async deleteImage(id: string): Promise<void> {
    await this.#call('DELETE', `/images/${encodeURIComponent(id)}`, {});
  }

  async labels(prefix: string, limit: number, signal?: AbortSignal): Promise<LabelCount[]> {
    const path = `/labels${encode({ prefix, limit })}`;
    return (await this.#json<{ labels: LabelCount[] }>('GET', path, { signal })).labels;
  }

  pending(cursor?: string): Promise<ModerationPage> {
    return this.#json('GET', `/moderation${encode({ status: 'pending', limit: 50, cursor })}`, {});
  }

  createUpload(name: string, contentType: string, size: number): Promise<UploadForm> {
    return this.#json('POST', '/uploads', { body: { name, content_type: contentType, size } });
  }

  upload(id: string): Promise<UploadStatus> {
    return this.#json('GET', `/uploads/${encodeURIComponent(id)}`, {});
  }

  async #json<Body>(method: string, path: string, options: Options): Promise<Body> {
    const response = await this.#call(method, path, options);
    try {
      return (await response.json()) as Body;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw unreachable(method);
    }
  }

  async #call(method: string, path: string, options: Options): Promise<Response> {
    let response = await this.#fetch(method, path, options, await this.tokens.token());
    // The server's clock decides: a token that looked good here may have ended there.
    if (response.status === 401)
      response = await this.#fetch(method, path, options, await this.tokens.renew());
    if (response.status === 401) this.tokens.ended();
    if (!response.ok) throw await failure(response);
    return response;
  }

  async #fetch(
    method: string,
    path: string,
    { body, signal }: Options,
    token: string | undefined,
  ): Promise<Response> {
    const headers: Record<string, string> = {};
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    try {
      return await fetch(this.base + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw unreachable(method);
    }
  }
}

interface Options {
  body?: unknown;
  signal?: AbortSignal | undefined;
}

function unreachable(method: string): ApiError {
  return new ApiError(0, 'unreachable', method === 'GET' ? OFFLINE_RETRYING : OFFLINE);
}

function encode(parameters: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query}`;
}

async function failure(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => undefined)) as Partial<ErrorBody> | undefined;
  const error = body?.error;
  if (!error)
    return new ApiError(
      response.status,
      'unknown',
      `The server responded with ${response.status} ${response.statusText}`.trim() + '.',
    );
  const expected = Array.isArray(error.expected) ? error.expected.join(', ') : error.expected;
  return new ApiError(response.status, error.code, error.message, error.position, expected);
}

/** What to show for any failure. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong. Please try again.';
}

/** Whether the server could not be reached at all. */
export function isOffline(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'unreachable';
}

/** Whether a request was aborted because a newer one replaced it. */
export function wasAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
