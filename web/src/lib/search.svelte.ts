import { ApiError, errorMessage, isOffline, wasAborted, type Api } from './api';
import type { Image } from './protocol';
import type { SearchAddress } from './route';

const PAGE_SIZE = 40;
/** More cards than this help nobody and cost memory; a note at the end says so. */
const MAX_RESULTS = 2_000;

/** One search and the results scrolled to so far. It outlives the component, so that coming back is quick. */
export class Search {
  items = $state.raw<Image[]>([]);
  loading = $state(false);
  error = $state<ApiError>();
  /** The server has no more. */
  complete = $state(false);
  /** What the results are for. */
  request = $state.raw<SearchAddress>();
  readonly full = $derived(this.items.length >= MAX_RESULTS);
  #next: string | undefined;
  #known = new Set<string>();
  #abort = new AbortController();

  constructor(private readonly api: Api) {}

  /** Starts over, unless this is the present request. */
  run(address: SearchAddress): void {
    const { request } = this;
    const same =
      request?.q === address.q &&
      request.confidence === address.confidence &&
      request.language === address.language;
    if (same && !this.error) return;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#next = undefined;
    this.#known.clear();
    this.request = address;
    this.items = [];
    this.error = undefined;
    this.complete = false;
    this.loading = false;
    void this.more();
  }

  /** The next page. It may be short or empty; only a missing cursor is the end. */
  async more(): Promise<void> {
    const { request } = this;
    if (!request || this.loading || this.complete || this.full) return;
    const { signal } = this.#abort;
    this.loading = true;
    this.error = undefined;
    try {
      const page = await this.api.images(
        {
          q: request.q,
          limit: PAGE_SIZE,
          cursor: this.#next,
          ...(request.confidence > 0 ? { minConfidence: request.confidence } : {}),
          ...(request.language === '' ? {} : { language: request.language }),
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
      this.error =
        error instanceof ApiError ? error : new ApiError(0, 'unknown', errorMessage(error));
    } finally {
      if (!signal.aborted) this.loading = false;
    }
  }

  /** Loads again what failed because the server could not be reached. */
  retry(): void {
    if (isOffline(this.error)) void this.more();
  }

  remove(imageId: string): void {
    this.items = this.items.filter(({ image_id }) => image_id !== imageId);
  }
}
