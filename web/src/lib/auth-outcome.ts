/** What a renewal that failed means for the session. */
import { ErrorResponse } from 'oidc-client-ts';

/** The error codes of RFC 6749 (5.2) that refuse a refresh token for good. */
const FINAL = new Set(['invalid_grant', 'invalid_client', 'unauthorized_client']);

/**
 * Whether the session is over. Anything but the issuer's own refusal may pass: no network, an
 * outage, a proxy that responds in its place.
 */
export function isOver(error: unknown): boolean {
  return error instanceof ErrorResponse && FINAL.has(error.error ?? '');
}
