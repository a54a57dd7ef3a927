import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a server was asked. */
export interface Asked {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** A server on this machine. */
export interface TestServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly asked: readonly Asked[];
  /** Ends every connection, in the middle of whatever is sent. */
  breakOff(): void;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Starts a server that ends with the test.
 * @param answers one for each request, in their order; the last is for all that follow
 */
export async function serve(...answers: readonly Answer[]): Promise<TestServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { range, 'if-range': ifRange } = request.headers;
    asked.push({ path: request.url!, range, ifRange: ifRange as string | undefined });
    answers[Math.min(asked.length, answers.length) - 1]!(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, asked, breakOff: () => server.closeAllConnections() };
}

/** Answers as a web server does for a file, with a part of it where that is asked for. */
export function file(content: Buffer, headers: Record<string, string> = { etag: `"${hashOf(content)}"` }): Answer {
  return ({ headers: { range, 'if-range': ifRange } }, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? Number.NaN);
    const same = ifRange === undefined || ifRange === headers.etag || ifRange === headers['last-modified'];
    if (Number.isNaN(start) || !same) {
      response.writeHead(200, { 'content-length': content.length, ...headers }).end(content);
    } else if (start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    } else {
      const contentRange = `bytes ${start}-${content.length - 1}/${content.length}`;
      const rest = content.subarray(start);
      response.writeHead(206, { 'content-length': rest.length, 'content-range': contentRange, ...headers }).end(rest);
    }
  };
}

/** The first bytes of a file, announced as the whole; the rest never comes. */
export function beginning(content: Buffer, bytes: number, headers?: Record<string, string>): Answer {
  const tag = headers ?? { etag: `"${hashOf(content)}"` };
  return (_, response) => {
    response.writeHead(200, { 'content-length': content.length, ...tag }).write(content.subarray(0, bytes));
  };
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(code, headers).end('a page that says so');
  };
}

export function hashOf(content: Buffer, algorithm: 'sha256' | 'md5' = 'sha256'): string {
  return createHash(algorithm).update(content).digest('hex');
}
