import { describe, expect, it } from 'vitest';
import { imageHash, pageHash, parse, searchHash } from './route';

describe('addresses', () => {
  it('lead to the live page when they are unknown', () => {
    for (const hash of ['', '#/', '#/nowhere', '#/images/'])
      expect(parse(hash, undefined).page).toBe('live');
  });

  it('carry a search there and back', () => {
    const search = { q: '"hot dog" -person', confidence: 90, language: 'nl' };
    expect(parse(searchHash(search), undefined)).toEqual({ page: 'search', search });
  });

  it('open an image over the page that was there', () => {
    const before = parse('#/search?q=dog', undefined);
    const open = parse(imageHash('a/b'), before);
    expect(open).toMatchObject({ page: 'search', image: 'a/b' });
    expect(pageHash(open)).toBe('#/search?q=dog');
  });

  it('survive what is no number and no encoding', () => {
    expect(parse('#/search?min_confidence=lots', undefined).search.confidence).toBe(0);
    expect(parse('#/images/%E0%A4%A', undefined).image).toBe('%E0%A4%A');
  });
});
