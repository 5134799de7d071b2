/** Addresses inside the web app, all behind the hash, so that any folder can serve it. */

export type Page = 'live' | 'upload' | 'search' | 'alerts';

export interface Route {
  page: Page;
  /** An image that is open over the page. */
  image?: string;
  search: SearchAddress;
}

export interface SearchAddress {
  q: string;
  /** Percent; 0 is any. */
  confidence: number;
  language: string;
}

const PAGES: readonly string[] = ['live', 'upload', 'search', 'alerts'];

/** An image opens over the page that was there; anything unknown is the live page. */
export function parse(hash: string, before: Route | undefined): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [head = '', id] = path.split('/');
  const none = { q: '', confidence: 0, language: '' };
  if (head === 'images' && id)
    return {
      page: before?.page ?? 'live',
      image: decode(id),
      search: before?.search ?? none,
    };
  const page = (PAGES.includes(head) ? head : 'live') as Page;
  if (page !== 'search') return { page, search: before?.search ?? none };
  const parameters = new URLSearchParams(query);
  return {
    page,
    search: {
      q: parameters.get('q') ?? '',
      confidence: Math.min(100, Math.max(0, Number(parameters.get('min_confidence')) || 0)),
      language: parameters.get('language') ?? '',
    },
  };
}

export function searchHash({ q, confidence, language }: SearchAddress): string {
  const parameters = new URLSearchParams();
  if (q !== '') parameters.set('q', q);
  if (confidence > 0) parameters.set('min_confidence', String(confidence));
  if (language !== '') parameters.set('language', language);
  return parameters.size === 0 ? '#/search' : `#/search?${parameters}`;
}

export function imageHash(id: string): string {
  return `#/images/${encodeURIComponent(id)}`;
}

/** The address of the page below, for when its image closes. */
export function pageHash(route: Route): string {
  return route.page === 'search' ? searchHash(route.search) : `#/${route.page}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
