import { ErrorResponse, ErrorTimeout } from 'oidc-client-ts';
import { expect, test } from 'vitest';
import { isOver } from './auth-outcome';

test('only the refusal of the refresh token itself ends a session', () => {
  expect(isOver(new ErrorResponse({ error: 'invalid_grant' }))).toBe(true);
  expect(isOver(new ErrorResponse({ error: 'invalid_client' }))).toBe(true);
  for (const passing of [
    new ErrorResponse({ error: 'temporarily_unavailable' }),
    new ErrorTimeout('too long'),
    new TypeError('Failed to fetch'),
    new Error('Bad Gateway (502)'),
    undefined,
  ])
    expect(isOver(passing)).toBe(false);
});
