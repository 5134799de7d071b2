/** Posts a file by a presigned form, with progress, as S3 takes it. */
import type { UploadForm } from '../protocol';

/** Resolves when the store has taken the file; rejects with words for people. */
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
    request.onerror = () => reject(new Error('The connection broke while sending. Try again.'));
    request.onabort = () => reject(new Error('Cancelled.'));
    request.send(body);
  });
  return { done, abort: () => request.abort() };
}

const WORDS: Record<string, string> = {
  EntityTooLarge: 'The file is larger than was announced or allowed.',
  EntityTooSmall: 'The file is smaller than was announced.',
  AccessDenied: 'The store refused the file',
  RequestTimeout: 'The connection was too slow. Try again.',
  SlowDown: 'The store is busy. Try again in a moment.',
  ServiceUnavailable: 'The store is busy. Try again in a moment.',
};

/** An S3 error (`<Error><Code>…</Code><Message>…</Message></Error>`) as one sentence. */
export function storeError(status: number, xml: string): string {
  const code = element(xml, 'Code');
  const message = element(xml, 'Message');
  if (status === 507) return message ?? 'The server has no room left for pictures.';
  const words = code === undefined ? undefined : WORDS[code];
  if (words?.endsWith('.')) return words;
  if (words) return message ? `${words}: ${message}` : `${words}.`;
  return message ?? `The store answered ${status}. Try again.`;
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
