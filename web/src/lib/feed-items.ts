/** The list behind the live feed: newest first, every image once, bounded. */
import type { Image } from './protocol';

export const FEED_LENGTH = 200;

export interface FeedItem {
  image: Image;
  /** From upload to this screen, in milliseconds; only of what arrived live. */
  took?: number;
  /** Under which subscription it arrived live. */
  generation?: number;
}

/** What arrived live goes on top; an image that is there already moves up. */
export function arrive(items: readonly FeedItem[], item: FeedItem): FeedItem[] {
  const others = items.filter(({ image }) => image.image_id !== item.image.image_id);
  return [item, ...others].slice(0, FEED_LENGTH);
}

/**
 * What the server lists replaces everything but what arrived live under the present subscription,
 * which may be newer than the list.
 */
export function reload(
  items: readonly FeedItem[],
  listed: readonly Image[],
  generation: number,
): FeedItem[] {
  const kept = items.filter((item) => item.generation === generation);
  const keptIds = new Set(kept.map(({ image }) => image.image_id));
  const known = new Map(items.map((item) => [item.image.image_id, item]));
  const rest = listed
    .filter(({ image_id }) => !keptIds.has(image_id))
    .map((image) => ({ ...known.get(image.image_id), image }));
  return [...kept, ...rest].slice(0, FEED_LENGTH);
}

export function without(items: readonly FeedItem[], imageId: string): FeedItem[] {
  return items.filter(({ image }) => image.image_id !== imageId);
}
