import { ApiError, errorMessage, isOffline, type Api } from './api';
import { arrive, type FeedItem, reload, without } from './feed-items';
import { median, plural } from './format';
import { Loading } from './loading.svelte';
import type { Image } from './protocol';

const FIRST_PAGE = 48;
const MAX_MEASURED = 100;
const ANNOUNCEMENT_DELAY_MS = 1_500;

/** What is shown under *Live*. */
export class Feed {
  items = $state.raw<FeedItem[]>([]);
  filter = $state('');
  filterError = $state<ApiError>();
  /** How many arrived live since the web app was opened. */
  arrived = $state(0);
  /** For screen readers: what came in the last moments, in one sentence. */
  announcement = $state('');
  #times = $state.raw<number[]>([]);
  #arrivals = $state.raw<number[]>([]);
  #generation = 0;
  #loading = new Loading();
  /** The filter last requested, whether or not it could be applied. */
  #requestedFilter = '';
  #unannounced: Image[] = [];

  /** Median time from upload to screen, in milliseconds. */
  readonly typical = $derived(median(this.#times));

  constructor(
    private readonly api: Api,
    private readonly watch: (filter: string) => void,
  ) {}

  get loading(): boolean {
    return this.#loading.active;
  }

  get error(): string | undefined {
    return this.#loading.error;
  }

  start(): void {
    this.watch('');
    void this.reload();
  }

  /** How many arrived in the minute before `now`. */
  lastMinute(now: number): number {
    return this.#arrivals.filter((at) => now - at < 60_000).length;
  }

  /** Filters by a query; a query that cannot be parsed changes nothing but `filterError`. */
  async setFilter(query: string): Promise<void> {
    const filter = query.trim();
    this.#requestedFilter = filter;
    this.filterError = undefined;
    const isLatest = this.#loading.begin();
    try {
      const page = await this.api.images({ q: filter, limit: FIRST_PAGE });
      if (!isLatest()) return;
      this.#loading.succeeded();
      this.filter = filter;
      this.#generation += 1;
      this.items = reload([], page.images, this.#generation);
      this.watch(filter);
    } catch (error) {
      if (!isLatest()) return;
      this.filterError =
        error instanceof ApiError ? error : new ApiError(0, 'unknown', errorMessage(error));
    }
  }

  /** The server refused the filter although a search by it worked. */
  refused(message: string): void {
    this.filterError = new ApiError(400, 'bad_request', message);
  }

  /** A new subscription is confirmed: what came before it is loaded over REST. */
  subscribed(): Promise<void> {
    this.#generation += 1;
    return this.reload();
  }

  reload(): Promise<void> {
    return this.#loading.run(
      () => this.api.images({ q: this.filter, limit: FIRST_PAGE }),
      (page) => (this.items = reload(this.items, page.images, this.#generation)),
    );
  }

  /** Loads again what failed because the server could not be reached. */
  retry(): void {
    if (isOffline(this.filterError)) void this.setFilter(this.#requestedFilter);
    else if (this.#loading.failedOffline) void this.reload();
  }

  arrive(image: Image): void {
    const now = Date.now();
    const took = now - Date.parse(image.uploaded_at);
    this.items = arrive(this.items, { image, took, generation: this.#generation });
    this.arrived += 1;
    this.#times = [...this.#times, took].slice(-MAX_MEASURED);
    this.#arrivals = [...this.#arrivals.filter((at) => now - at < 60_000), now];
    this.#announce(image);
  }

  remove(imageId: string): void {
    this.items = without(this.items, imageId);
  }

  /** A busy feed is announced in one sentence now and then, not image by image. */
  #announce(image: Image): void {
    this.#unannounced.push(image);
    if (this.#unannounced.length > 1) return;
    setTimeout(() => {
      const names = this.#unannounced.flatMap(({ labels }) => labels.slice(0, 2));
      const some = [...new Set(names.map(({ name }) => name))].slice(0, 5).join(', ');
      this.announcement = `${plural(this.#unannounced.length, 'new image')}: ${some}`;
      this.#unannounced = [];
    }, ANNOUNCEMENT_DELAY_MS);
  }
}
