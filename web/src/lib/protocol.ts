/** What goes over the wire: REST responses, WebSocket frames and the web app's settings. */

export interface Settings {
  /** Base address of the REST calls, without a slash at the end. */
  api: string;
  /** Address of the WebSocket. */
  live: string;
  authority: string;
  client_id: string;
  scope: string;
  metadata: {
    issuer: string;
    authorization_endpoint: string;
    token_endpoint: string;
    userinfo_endpoint: string;
    jwks_uri: string;
    end_session_endpoint: string;
  };
  /** Languages a query may be written in; the first one needs no translation. */
  languages: string[];
  max_upload_bytes: number;
  /** How often the live connection is checked while the web app is visible, in seconds. */
  live_ping_seconds: number;
  /** What people should know of this server. */
  notice?: string;
}

export interface Label {
  name: string;
  /** Percent, 0 to 100. */
  confidence: number;
  /** The detector that found it; missing in older pictures. */
  source?: string;
  /** Broader names, the nearest first. */
  parents?: string[];
}

/** A detector that gave no answer about a picture. */
export interface FailedDetector {
  name: string;
  reason: string;
}

/** One of a picture's dominant colours. */
export interface Color {
  name: string;
  /** `#rrggbb`. */
  hex: string;
  /** Share of the pixels, 0 to 100. */
  percent: number;
}

export interface Image {
  image_id: string;
  labels: Label[];
  offensive: boolean;
  status: 'visible' | 'pending' | 'approved' | 'removed';
  width: number;
  height: number;
  content_type: string;
  size: number;
  uploaded_at: string;
  labelled_at: string;
  /** Signed, valid for five minutes. */
  thumbnail: string;
  /** Signed, valid for five minutes. */
  original: string;
  colors?: Color[];
  version: number;
  /** For moderators and uploaders; missing where all detectors answered. */
  failed_detectors?: FailedDetector[];
}

/** All that the uploader of a picture under review gets to know about it. */
export interface WithheldImage {
  image_id: string;
  status: 'pending';
}

export interface ModerationLabel {
  name: string;
  parent?: string | null;
  confidence: number;
  source?: string;
}

export interface ImagePage {
  images: Image[];
  /** Cursor of the next page; `null` is the only sign of the end. */
  next: string | null;
}

export interface ModerationPage {
  images: (Image & { moderation?: ModerationLabel[] })[];
  next: string | null;
}

export interface LabelCount {
  name: string;
  count: number;
}

export interface UploadForm {
  upload_id: string;
  url: string;
  fields: Record<string, string>;
  expires_at: string;
}

export interface UploadStatus {
  upload_id: string;
  state: 'pending' | 'received' | 'labelled' | 'rejected' | 'failed';
  image_id?: string;
  reason?: string;
}

export interface ErrorBody {
  error: { code: string; message: string; position?: number; expected?: string | string[] };
}

export type ClientFrame =
  | {
      action: 'subscribe';
      topics: string[];
      filter?: string;
      since?: Record<string, string>;
      ref: string;
    }
  | { action: 'unsubscribe'; topics: string[]; ref: string }
  | { action: 'refresh'; token: string; ref: string }
  | { action: 'ping'; ref: string };

export interface Position {
  topic: string;
  seq: number;
  cursor: string;
}

interface Event<Name extends string, Data> {
  type: 'notification';
  id: string;
  event: Name;
  at: string;
  topics: Position[];
  data: Data;
}

export type Notification =
  | Event<'upload.received', { upload_id: string }>
  | Event<'image.labelled', { upload_id?: string; image: Image | WithheldImage }>
  | Event<'upload.rejected' | 'upload.failed', { upload_id: string; reason: string }>
  | Event<'image.offensive', { image: Image; moderation: ModerationLabel[] }>
  | Event<'image.reviewed', { image: Image; actor?: string }>
  | Event<'image.removed', { image_id: string }>;

export type ServerFrame =
  | Notification
  | {
      type: 'subscribed';
      ref?: string | null;
      topics: { topic: string; recovered: boolean; cursor: string }[];
    }
  | { type: 'unsubscribed' | 'notify_list' | 'refreshed' | 'pong'; ref?: string | null }
  | { type: 'error'; ref?: string | null; code: string; message: string }
  | { type: 'closing'; code: string; message: string; retry: boolean };

/** Whether the whole image was sent, not only that it waits for a moderator. */
export function isWhole(image: Image | WithheldImage): image is Image {
  return 'labels' in image;
}
