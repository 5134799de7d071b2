import { errorMessage, isOffline } from './api';

/** Loads that replace each other: only the latest one counts. */
export class Loading {
  /** True until a load has ended. */
  active = $state(true);
  /** Why the latest load failed, in words. */
  error = $state<string>();
  #latest = 0;
  #offline = false;

  /** Whether the latest load failed because the server could not be reached. */
  get failedOffline(): boolean {
    return this.#offline;
  }

  /** Begins a load; the function returned says whether it still is the latest. */
  begin(): () => boolean {
    this.#latest += 1;
    const load = this.#latest;
    return () => load === this.#latest;
  }

  /** The latest load succeeded. */
  succeeded(): void {
    this.error = undefined;
    this.active = false;
  }

  /** Loads, and shows what came unless a later load has begun. */
  async run<T>(load: () => Promise<T>, show: (loaded: T) => void): Promise<void> {
    const isLatest = this.begin();
    this.#offline = false;
    try {
      const loaded = await load();
      if (!isLatest()) return;
      show(loaded);
      this.succeeded();
    } catch (error) {
      if (!isLatest()) return;
      this.error = errorMessage(error);
      this.#offline = isOffline(error);
      this.active = false;
    }
  }
}
