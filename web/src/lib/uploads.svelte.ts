import { ApiError, errorMessage, type Api } from './api';
import { isWhole, type Image, type UploadStatus, type WithheldImage } from './protocol';
import { contentType, rejectionReason } from './uploads/check';
import { postForm } from './uploads/form-post';
import { advance, isAwaited, isOnItsWay, isSettled, pollDelay, type Stage } from './uploads/stage';

const MAX_CONCURRENT_UPLOADS = 3;
/** Settled uploads beyond this leave the list, the oldest first. */
const MAX_ROWS = 200;

/** One file on its way. */
export class UploadRow {
  readonly key = crypto.randomUUID();
  stage = $state<Stage>('waiting');
  /** Part of the file that is sent, 0 to 1. */
  progress = $state(0);
  /** Why it was not accepted, for people. */
  reason = $state<string>();
  image = $state.raw<Image>();
  /** From all bytes sent to labelled, in milliseconds. */
  took = $state<number>();
  readonly preview: string | undefined;
  id: string | undefined;
  sentAt = 0;
  polls = 0;
  abort: (() => void) | undefined;

  constructor(readonly file: File) {
    this.preview = file.type.startsWith('image/') ? URL.createObjectURL(file) : undefined;
  }

  move(next: Stage, reason?: string): void {
    const stage = advance(this.stage, next);
    if (stage === this.stage) return;
    this.stage = stage;
    this.reason = reason;
  }
}

export class Uploads {
  rows = $state.raw<UploadRow[]>([]);
  readonly active = $derived(this.rows.filter(({ stage }) => !isSettled(stage)).length);

  constructor(
    private readonly api: Api,
    readonly maxBytes: number,
  ) {}

  add(files: Iterable<File>): void {
    const rows = [...files].map((file) => {
      const row = new UploadRow(file);
      const reason = rejectionReason(file, this.maxBytes);
      if (reason !== undefined) row.move('refused', reason);
      return row;
    });
    this.rows = [...rows, ...this.rows];
    this.#trim();
    this.#pump();
  }

  retry(row: UploadRow): void {
    this.dismiss(row);
    this.add([row.file]);
  }

  dismiss(row: UploadRow): void {
    row.abort?.();
    if (row.preview !== undefined) URL.revokeObjectURL(row.preview);
    this.rows = this.rows.filter((other) => other !== row);
    this.#pump();
  }

  clearSettled(): void {
    for (const row of this.rows.filter(({ stage }) => isSettled(stage))) this.dismiss(row);
  }

  received(uploadId: string): void {
    this.#find(uploadId)?.move('received');
  }

  refused(uploadId: string, stage: 'rejected' | 'failed', reason: string): void {
    this.#find(uploadId)?.move(stage, reason);
  }

  labelled(uploadId: string, image: Image | WithheldImage): void {
    const row = this.#find(uploadId);
    if (row) this.#labelled(row, image);
  }

  /** Polls everything whose outcome is pending: news of it may have been missed. */
  async catchUp(): Promise<void> {
    await Promise.all(
      this.rows.filter(({ stage }) => isAwaited(stage)).map((row) => this.#poll(row)),
    );
  }

  #find(uploadId: string): UploadRow | undefined {
    return this.rows.find(({ id }) => id === uploadId);
  }

  #pump(): void {
    const free = MAX_CONCURRENT_UPLOADS - this.rows.filter(({ stage }) => isOnItsWay(stage)).length;
    const waiting = this.rows.filter(({ stage }) => stage === 'waiting').reverse();
    for (const row of waiting.slice(0, Math.max(0, free))) void this.#send(row);
  }

  async #send(row: UploadRow): Promise<void> {
    row.move('sending');
    try {
      const type = contentType(row.file);
      const form = await this.api.createUpload(row.file.name, type, row.file.size);
      row.id = form.upload_id;
      const post = postForm(form, row.file, (fraction) => (row.progress = fraction));
      row.abort = post.abort;
      await post.done;
      row.progress = 1;
      row.sentAt = Date.now();
      row.move('sent');
      this.#pollLater(row);
    } catch (error) {
      row.move(refusedBefore(error) ? 'refused' : 'failed', errorMessage(error));
    } finally {
      row.abort = undefined;
      this.#pump();
    }
  }

  /** The socket brings the news; polling is for when it does not. */
  #pollLater(row: UploadRow): void {
    setTimeout(() => {
      if (!isAwaited(row.stage) || !this.rows.includes(row)) return;
      row.polls += 1;
      void this.#poll(row).finally(() => this.#pollLater(row));
    }, pollDelay(row.polls));
  }

  async #poll(row: UploadRow): Promise<void> {
    if (row.id === undefined) return;
    try {
      await this.#apply(row, await this.api.upload(row.id));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404)
        row.move('failed', 'The server no longer has this upload. Try again.');
      // Anything else: the next poll tries again.
    }
  }

  async #apply(row: UploadRow, status: UploadStatus): Promise<void> {
    switch (status.state) {
      case 'pending':
        return;
      case 'received':
        row.move('received');
        return;
      case 'rejected':
      case 'failed':
        row.move(status.state, status.reason);
        return;
      case 'labelled':
        if (status.image_id !== undefined) this.#labelled(row, await this.#image(status.image_id));
    }
  }

  /** An image that is labelled but hidden is waiting for a moderator. */
  async #image(id: string): Promise<Image | WithheldImage> {
    try {
      return await this.api.image(id);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404)
        return { image_id: id, status: 'pending' };
      throw error;
    }
  }

  #labelled(row: UploadRow, image: Image | WithheldImage): void {
    if (!isSettled(row.stage) && row.sentAt > 0) row.took = Date.now() - row.sentAt;
    // A moderator's own upload comes whole, and waits for review all the same.
    if (!isWhole(image) || image.status === 'pending') {
      row.move('review');
      return;
    }
    row.image = image;
    row.move('labelled');
  }

  #trim(): void {
    const settled = this.rows.filter(({ stage }) => isSettled(stage));
    const surplus = this.rows.length - MAX_ROWS;
    if (surplus > 0) for (const row of settled.slice(-surplus)) this.dismiss(row);
  }
}

/** Whether retrying with the same file is pointless. */
function refusedBefore(error: unknown): boolean {
  return error instanceof ApiError && [400, 413, 415].includes(error.status);
}
