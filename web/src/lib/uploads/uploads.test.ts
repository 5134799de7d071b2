import { describe, expect, it } from 'vitest';
import { contentType, rejectionReason } from './check';
import { storeError } from './form-post';
import { advance, isSettled, pollDelay, type Stage } from './stage';

const MAX = 15 * 1024 * 1024;

describe('the check before sending', () => {
  it('accepts JPEG, PNG and WebP up to the limit', () => {
    for (const type of ['image/jpeg', 'image/png', 'image/webp'])
      expect(rejectionReason({ name: 'a', type, size: MAX }, MAX)).toBeUndefined();
  });

  it('knows a picture by its extension when the system names no type', () => {
    expect(contentType({ name: 'Sun.WEBP', type: '', size: 1 })).toBe('image/webp');
  });

  it('says what is wrong and what to do', () => {
    expect(rejectionReason({ name: 'a.heic', type: 'image/heic', size: 1 }, MAX)).toMatch(/JPEG/);
    expect(rejectionReason({ name: 'folder', type: '', size: 4096 }, MAX)).toMatch(/Not a JPEG/);
    expect(rejectionReason({ name: 'a.png', type: 'image/png', size: 0 }, MAX)).toMatch(/empty/);
    expect(rejectionReason({ name: 'a.png', type: 'image/png', size: MAX + 1 }, MAX)).toBe(
      'Too large: 15.1 MB (limit 15 MB).',
    );
  });
});

describe('the stages of an upload', () => {
  it('never go back when news comes late', () => {
    const news: Stage[] = ['sending', 'received', 'sent', 'labelled', 'received', 'failed'];
    expect(news.reduce(advance, 'waiting')).toBe('labelled');
  });

  it('let a later success replace a failure', () => {
    expect(advance('failed', 'labelled')).toBe('labelled');
    expect(advance('failed', 'review')).toBe('review');
    expect(advance('review', 'labelled')).toBe('labelled');
  });

  it('are complete when nothing is pending', () => {
    expect((['sending', 'sent', 'received'] as const).some(isSettled)).toBe(false);
    expect(
      (['labelled', 'review', 'rejected', 'failed', 'refused'] as const).every(isSettled),
    ).toBe(true);
  });

  it('are polled less and less often', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map(pollDelay)).toEqual([
      4000, 8000, 16000, 32000, 60000, 60000, 60000,
    ]);
  });
});

describe('a storage error', () => {
  it('is explained in plain words', () => {
    const xml = (code: string, message: string) =>
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
    expect(storeError(400, xml('EntityTooLarge', 'x'))).toMatch(/larger/);
    expect(storeError(403, xml('AccessDenied', 'Policy expired'))).toBe(
      'Storage refused the file: Policy expired',
    );
    expect(storeError(400, xml('Odd', 'a &lt; b &amp; c'))).toBe('a < b & c');
    expect(storeError(502, '')).toBe('Storage responded with 502. Try again.');
  });
});
