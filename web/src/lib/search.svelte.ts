import { ApiError, inWords, wasAborted, type Api } from './api';
import type { Image } from './protocol';
import type { SearchAddress } from './route';

const PAGE = 40;
/** More cards than this help nobody and cost memory; the page says so. */
const MOST_RESULTS = 2_000;

/** One search and the results scrolled to so far. It outlives the page, so that coming back is quick. */
export class Search {
  items = $state.raw<Image[]>([]);
  loading = $state(false);
  error = $state<ApiError>();
  /** The server has no more. */
  complete = $state(false);
  /** What the results answer. */
  asked = $state.raw<SearchAddress>();
  readonly full = $derived(this.items.length >= MOST_RESULTS);
  #next: string | undefined;
  #known = new Set<string>();
  #abort = new AbortController();

  constructor(private readonly api: Api) {}

  /** Starts over, unless this is what was asked already. */
  run(address: SearchAddress): void {
    const { asked } = this;
    const same =
      asked?.q === address.q &&
      asked.confidence === address.confidence &&
      asked.language === address.language;
    if (same && !this.error) return;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#next = undefined;
    this.#known.clear();
    this.asked = address;
    this.items = [];
    this.error = undefined;
    this.complete = false;
    this.loading = false;
    void this.more();
  }

  /** The next page. It may be short or empty; only a missing cursor is the end. */
  async more(): Promise<void> {
    const { asked } = this;
    if (!asked || this.loading || this.complete || this.full) return;
    const { signal } = this.#abort;
    this.loading = true;
    this.error = undefined;
    try {
      const page = await this.api.images(
        {
          q: asked.q,
          limit: PAGE,
          cursor: this.#next,
          ...(asked.confidence > 0 ? { minConfidence: asked.confidence } : {}),
          ...(asked.language === '' ? {} : { language: asked.language }),
        },
        signal,
      );
      if (signal.aborted) return;
      const fresh = page.images.filter(({ image_id }) => !this.#known.has(image_id));
      for (const { image_id } of fresh) this.#known.add(image_id);
      this.items = [...this.items, ...fresh];
      this.#next = page.next ?? undefined;
      this.complete = page.next === null;
    } catch (error) {
      if (signal.aborted || wasAborted(error)) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, 'unknown', inWords(error));
    } finally {
      if (!signal.aborted) this.loading = false;
    }
  }

  remove(imageId: string): void {
    this.items = this.items.filter(({ image_id }) => image_id !== imageId);
  }
}
