import type { Api } from './api';
import { Loading } from './loading.svelte';
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
  /** Whether more are waiting than are shown. */
  more = $state(false);
  announcement = $state('');
  #loading = new Loading();

  constructor(private readonly api: Api) {}

  get loading(): boolean {
    return this.#loading.active;
  }

  get error(): string | undefined {
    return this.#loading.error;
  }

  reload(): Promise<void> {
    return this.#loading.run(
      () => this.#pending(),
      ({ listed, more }) => {
        this.more = more;
        const known = new Map(this.items.map((alert) => [alert.image.image_id, alert]));
        this.items = sort(
          listed.map((alert) => ({ ...known.get(alert.image.image_id), ...alert })),
        );
      },
    );
  }

  async #pending(): Promise<{ listed: Alert[]; more: boolean }> {
    const listed: Alert[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.api.pending(cursor);
      for (const image of page.images)
        listed.push({ image, moderation: image.moderation ?? [], live: false });
      cursor = page.next ?? undefined;
    } while (cursor !== undefined && listed.length < MAX_ALERTS);
    return { listed, more: cursor !== undefined };
  }

  /** Loads again what failed because the server could not be reached. */
  retry(): void {
    if (this.#loading.failedOffline) void this.reload();
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
