import { describe, expect, it } from 'vitest';
import { imageHash, pageHash, parse, searchHash } from './route';

describe('addresses', () => {
  it('default to the live page when unknown', () => {
    for (const hash of ['', '#/', '#/nowhere', '#/images/'])
      expect(parse(hash, undefined).page).toBe('live');
  });

  it('carry a search there and back', () => {
    const search = { q: '"hot dog" -person', confidence: 90, language: 'nl' };
    expect(parse(searchHash(search), undefined)).toEqual({ page: 'search', search });
  });

  it('open an image over the current page', () => {
    const before = parse('#/search?q=dog', undefined);
    const open = parse(imageHash('a/b'), before);
    expect(open).toMatchObject({ page: 'search', image: 'a/b' });
    expect(pageHash(open)).toBe('#/search?q=dog');
  });

  it('tolerate malformed numbers and encodings', () => {
    expect(parse('#/search?min_confidence=lots', undefined).search.confidence).toBe(0);
    expect(parse('#/images/%E0%A4%A', undefined).image).toBe('%E0%A4%A');
  });
});
