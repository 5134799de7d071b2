/** What can be said about a file before a byte of it is sent. */

const TYPES = ['image/jpeg', 'image/png', 'image/webp'] as const;

/** For the file dialog. */
export const ACCEPTED = TYPES.join(',');

const BY_EXTENSION: Record<string, string> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
};

export interface Candidate {
  name: string;
  type: string;
  size: number;
}

/** The content type to announce; systems that do not know WebP leave `type` empty. */
export function contentType(file: Candidate): string {
  return file.type || (BY_EXTENSION[extension(file.name)] ?? '');
}

/** Why the file is not accepted, for people; nothing if it is. */
export function rejectionReason(file: Candidate, maxBytes: number): string | undefined {
  if (!(TYPES as readonly string[]).includes(contentType(file))) {
    if (/^hei[cf]$/.test(extension(file.name)))
      return "HEIC isn't supported. Export the picture as JPEG and try again.";
    return 'Not a JPEG, PNG or WebP picture.';
  }
  if (file.size === 0) return 'The file is empty.';
  if (file.size > maxBytes)
    return `Too large: ${megabytes(file.size)} MB (limit ${megabytes(maxBytes)} MB).`;
  return undefined;
}

function extension(name: string): string {
  return name.includes('.') ? (name.split('.').at(-1) ?? '').toLowerCase() : '';
}

function megabytes(bytes: number): string {
  // Rounded up, so that a file just over the limit never reads as the limit itself.
  return (Math.ceil((bytes / 1024 / 1024) * 10) / 10).toLocaleString('en');
}
