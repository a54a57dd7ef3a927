import { DownloadError } from '@graftjs/core';

const full = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** Says of an error of the file system what it means for a download. */
export function storageError(path: string, cause: unknown): DownloadError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (full.includes(code ?? '')) {
    return new DownloadError(
      'download/disk-full',
      `There is no room left for ${path} (${message}). Make room, or name another folder (--out); the same command then ` +
        'goes on from what is there.',
      { cause, details: { path } },
    );
  }
  return new DownloadError('download/storage', `${path} cannot be written or read: ${message}.`, {
    cause,
    details: { path },
  });
}
