import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';

const mostRedirections = 5;

/** How something is asked for. */
export interface GetOptions {
  readonly headers: OutgoingHttpHeaders;
  /** Milliseconds without a byte, from the connection on, after which it fails with `ETIMEDOUT`. */
  readonly idleTimeout: number;
  readonly signal?: AbortSignal;
}

/** Through the proxy that the environment names for an address, if it does (`HTTPS_PROXY`, `NO_PROXY`); else no agent. */
function agentFor({ href, protocol }: URL): http.Agent | false {
  const proxy = getProxyForUrl(href);
  if (proxy === '') return false;
  return protocol === 'https:' ? new HttpsProxyAgent(proxy) : new HttpProxyAgent(proxy);
}

function ask(url: URL, { headers, idleTimeout, signal }: GetOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers, agent: agentFor(url), timeout: idleTimeout, ...(signal && { signal }) };
    let answer: IncomingMessage | undefined;
    const request = (url.protocol === 'https:' ? https : http).get(url, options, (response) => {
      answer = response;
      resolve(response);
    });
    request.on('error', reject);
    request.on('timeout', () => {
      const error = new Error(`Nothing came for ${idleTimeout} ms.`);
      (answer ?? request).destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    });
  });
}

/** Where an answer sends on to; undefined where it does not, or not to the web. */
function locationOf({ statusCode, headers: { location } }: IncomingMessage, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode!) || location === undefined) return undefined;
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  return url && ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}

/**
 * Asks a server for what is at an address, after redirections, five at most: the answer that it gives to the last of them.
 * The body streams no faster than it is read; whoever does not read it destroys it.
 */
export async function httpGet(address: string, options: GetOptions): Promise<IncomingMessage> {
  let url = new URL(address);
  for (let redirections = 0; ; redirections++) {
    const answer = await ask(url, options);
    const next = locationOf(answer, url);
    if (!next || redirections === mostRedirections) return answer;
    answer.destroy();
    url = next;
  }
}
