/** Posts a file by a presigned form, with progress, as S3 expects it. */
import type { UploadForm } from '../protocol';

/** Resolves once the file is stored; rejects with a message for people. */
export function postForm(
  form: UploadForm,
  file: File,
  progress: (fraction: number) => void,
): { done: Promise<void>; abort: () => void } {
  const request = new XMLHttpRequest();
  const done = new Promise<void>((resolve, reject) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
    // S3 ignores every field that comes after the file.
    body.append('file', file);
    request.open('POST', form.url);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) progress(loaded / total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(storeError(request.status, request.responseText)));
    };
    request.onerror = () =>
      reject(new Error('The connection was lost during the upload. Try again.'));
    request.onabort = () => reject(new Error('Cancelled.'));
    request.send(body);
  });
  return { done, abort: () => request.abort() };
}

const MESSAGES: Record<string, string> = {
  EntityTooLarge: 'The file is larger than announced, or over the limit.',
  EntityTooSmall: 'The file is smaller than announced. Try again.',
  AccessDenied: 'Storage refused the file',
  RequestTimeout: 'The connection was too slow. Try again.',
  SlowDown: 'Storage is busy. Try again in a moment.',
  ServiceUnavailable: 'Storage is busy. Try again in a moment.',
};

/** An S3 error (`<Error><Code>…</Code><Message>…</Message></Error>`) as one sentence. */
export function storeError(status: number, xml: string): string {
  const code = element(xml, 'Code');
  const message = element(xml, 'Message');
  if (status === 507) return message ?? 'The server has run out of storage.';
  const known = code === undefined ? undefined : MESSAGES[code];
  if (known?.endsWith('.')) return known;
  if (known) return message ? `${known}: ${message}` : `${known}.`;
  return message ?? `Storage responded with ${status}. Try again.`;
}

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim();
  return text
    ?.replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&apos;/g, "'")
    .replace(/&amp;/g, '&');
}
