export { type DownloadOptions, type DownloadResult, download, downloadPath } from './download.js';
export type { DownloadEvent } from './download-event.js';
