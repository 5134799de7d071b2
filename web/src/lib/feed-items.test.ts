import { describe, expect, it } from 'vitest';
import { arrive, FEED_LENGTH, type FeedItem, reload, without } from './feed-items';
import type { Image } from './protocol';

function image(id: string): Image {
  return { image_id: id } as Image;
}

function ids(items: FeedItem[]): string {
  return items.map(({ image }) => image.image_id).join(' ');
}

describe('the feed', () => {
  it('shows the newest first and every image once', () => {
    const items = ['a', 'b', 'a'].reduce<FeedItem[]>(
      (items, id) => arrive(items, { image: image(id) }),
      [],
    );
    expect(ids(items)).toBe('a b');
  });

  it('stays bounded', () => {
    let items: FeedItem[] = [];
    for (let n = 0; n < FEED_LENGTH + 5; n += 1) items = arrive(items, { image: image(`${n}`) });
    expect(items).toHaveLength(FEED_LENGTH);
    expect(items[0]?.image.image_id).toBe(`${FEED_LENGTH + 4}`);
  });

  it('keeps items that arrived while the list was loading, and nothing older', () => {
    const items = [
      { image: image('new'), generation: 2 },
      { image: image('gone'), generation: 1 },
      { image: image('old'), generation: 1, took: 5 },
    ];
    const reloaded = reload(items, [image('new'), image('other'), image('old')], 2);
    expect(ids(reloaded)).toBe('new other old');
    expect(reloaded[2]?.took).toBe(5);
  });

  it('drops removed images', () => {
    expect(ids(without([{ image: image('a') }, { image: image('b') }], 'a'))).toBe('b');
  });
});
