import { errorMessage, isOffline, type Api } from './api';
import type { Image, ModerationLabel } from './protocol';

const MAX_ALERTS = 200;

export interface Alert {
  image: Image;
  moderation: ModerationLabel[];
  /** Whether it came while the web app was open. */
  live: boolean;
}

/** Offensive pictures that wait for a decision, newest first. */
export class Alerts {
  items = $state.raw<Alert[]>([]);
  loading = $state(true);
  error = $state<string>();
  /** Whether more are waiting than are shown. */
  more = $state(false);
  announcement = $state('');
  #load = 0;
  #offline = false;

  constructor(private readonly api: Api) {}

  async reload(): Promise<void> {
    this.#load += 1;
    const load = this.#load;
    this.#offline = false;
    try {
      const listed: Alert[] = [];
      let cursor: string | undefined;
      do {
        const page = await this.api.pending(cursor);
        for (const image of page.images)
          listed.push({ image, moderation: image.moderation ?? [], live: false });
        cursor = page.next ?? undefined;
      } while (cursor !== undefined && listed.length < MAX_ALERTS);
      if (load !== this.#load) return;
      this.more = cursor !== undefined;
      const known = new Map(this.items.map((alert) => [alert.image.image_id, alert]));
      this.items = sort(listed.map((alert) => ({ ...known.get(alert.image.image_id), ...alert })));
      this.error = undefined;
    } catch (error) {
      if (load !== this.#load) return;
      this.error = errorMessage(error);
      this.#offline = isOffline(error);
    } finally {
      if (load === this.#load) this.loading = false;
    }
  }

  /** Loads again what failed because the server could not be reached. */
  retry(): void {
    if (this.#offline) void this.reload();
  }

  arrive(image: Image, moderation: ModerationLabel[]): void {
    // A list that is being loaded may be older than this: it is loaded again behind it.
    if (this.loading) void this.reload();
    const others = this.items.filter((alert) => alert.image.image_id !== image.image_id);
    this.items = sort([{ image, moderation, live: true }, ...others]).slice(0, MAX_ALERTS);
    const names = moderation.map(({ name }) => name).join(', ');
    this.announcement = `New alert${names ? `: ${names}` : ''}`;
  }

  remove(imageId: string): void {
    this.items = this.items.filter(({ image }) => image.image_id !== imageId);
  }
}

function sort(alerts: Alert[]): Alert[] {
  return alerts.toSorted((a, b) => b.image.uploaded_at.localeCompare(a.image.uploaded_at));
}
