import { Alerts } from './alerts.svelte';
import { Api, RETRY_MS } from './api';
import type { Auth, Identity } from './auth';
import { Feed } from './feed.svelte';
import { LiveConnection, type LiveListener } from './live/connection';
import type { ConnectionHint } from './live/hints';
import type { Phase, Standing } from './live/machine';
import { isWhole, type Notification, type Settings } from './protocol';
import { Search } from './search.svelte';
import { Uploads } from './uploads.svelte';

const CAUGHT_UP_SHOWN_MS = 5_000;

/** Everything that lives as long as somebody is signed in. */
export class Session {
  readonly api: Api;
  readonly feed: Feed;
  readonly uploads: Uploads;
  readonly search: Search;
  /** Moderators only. */
  readonly alerts: Alerts | undefined;
  phase = $state.raw<Phase>({ name: 'stopped' });
  /** When a waiting connection tries again, in milliseconds of the clock. */
  retryAt = $state(0);
  /** Everything since the last connection was replayed; shown for a moment. */
  caughtUp = $state(false);
  /** Something was missed, and was loaded again. */
  missed = $state(false);
  readonly #live: LiveConnection;
  #caughtUpTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly settings: Settings,
    readonly identity: Identity,
    auth: Auth,
    ended: () => void,
  ) {
    this.api = new Api(settings.api, {
      token: () => auth.token(),
      renew: () => auth.renew(),
      ended,
    });
    // Only the socket may learn that the session is over: there may be no REST call for a while.
    const forSocket = async (fresh: boolean) => {
      const token = await (fresh ? auth.renew() : auth.token());
      if (token === undefined) ended();
      return token;
    };
    const listener: LiveListener = {
      phase: (phase) => this.#phase(phase),
      deliver: (notification) => this.#deliver(notification),
      standing: (topic, standing) => void this.#standing(topic, standing),
      refused: (topic, message) => {
        if (topic === 'labels') this.feed.refused(message);
      },
    };
    const pingEvery = settings.live_ping_seconds * 1000;
    this.#live = new LiveConnection(settings.live, forSocket, listener, pingEvery);
    this.feed = new Feed(this.api, (filter) =>
      this.#live.step({ kind: 'watch', topic: 'labels', filter }),
    );
    this.uploads = new Uploads(this.api, settings.max_upload_bytes);
    this.search = new Search(this.api);
    this.alerts = identity.moderator ? new Alerts(this.api) : undefined;
  }

  start(): void {
    this.feed.start();
    this.#live.step({ kind: 'watch', topic: 'uploads' });
    if (this.alerts) {
      this.#live.step({ kind: 'watch', topic: 'moderation' });
      void this.alerts.reload();
    }
    this.#retryTimer = setInterval(() => this.#retryFailed(), RETRY_MS);
    this.#live.step({ kind: 'start' });
  }

  stop(): void {
    clearInterval(this.#retryTimer);
    this.#live.step({ kind: 'stop' });
  }

  /** Connects now instead of waiting, or again after the server closed it for good. */
  reconnect(): void {
    this.#live.step({ kind: this.phase.name === 'stopped' ? 'start' : 'wake' });
  }

  /** What the browser knows of the connection before a ping does. */
  hint(hint: ConnectionHint): void {
    this.#live.step(hint);
  }

  renewed(token: string): void {
    this.#live.step({ kind: 'token', token });
  }

  /** An image was removed, by this user or another. */
  forget(imageId: string): void {
    this.feed.remove(imageId);
    this.search.remove(imageId);
    this.alerts?.remove(imageId);
  }

  #phase(phase: Phase): void {
    if (phase === this.phase) return;
    if (phase.name === 'waiting') this.retryAt = Date.now() + phase.delay;
    this.phase = phase;
    this.#retryFailed();
  }

  /** While the connection is known to be gone there is no point in trying. */
  #retryFailed(): void {
    if (this.phase.name !== 'live' || this.phase.checking) return;
    this.feed.retry();
    this.search.retry();
    this.alerts?.retry();
  }

  async #standing(topic: string, standing: Standing): Promise<void> {
    if (standing === 'caught-up') {
      this.#showCaughtUp();
      return;
    }
    // Fresh and missed alike: what came before this moment is only available over REST.
    if (topic === 'labels') await this.feed.subscribed();
    if (topic === 'uploads') await this.uploads.catchUp();
    if (topic === 'moderation') await this.alerts?.reload();
    if (standing === 'missed') this.missed = true;
  }

  #showCaughtUp(): void {
    this.caughtUp = true;
    clearTimeout(this.#caughtUpTimer);
    this.#caughtUpTimer = setTimeout(() => (this.caughtUp = false), CAUGHT_UP_SHOWN_MS);
  }

  #deliver(notification: Notification): void {
    const topics = new Set(notification.topics.map(({ topic }) => topic));
    switch (notification.event) {
      case 'upload.received':
        this.uploads.received(notification.data.upload_id);
        break;
      case 'upload.rejected':
        this.uploads.refused(notification.data.upload_id, 'rejected', notification.data.reason);
        break;
      case 'upload.failed':
        this.uploads.refused(notification.data.upload_id, 'failed', notification.data.reason);
        break;
      case 'image.labelled': {
        const { upload_id, image } = notification.data;
        if (upload_id !== undefined) this.uploads.labelled(upload_id, image);
        if (topics.has('labels') && isWhole(image)) this.feed.arrive(image);
        break;
      }
      case 'image.offensive':
        this.alerts?.arrive(notification.data.image, notification.data.moderation);
        break;
      case 'image.reviewed':
        this.alerts?.remove(notification.data.image.image_id);
        break;
      case 'image.removed':
        this.forget(notification.data.image_id);
        break;
    }
  }
}
