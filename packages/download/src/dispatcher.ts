import { Agent, type Dispatcher, EnvHttpProxyAgent, interceptors } from 'undici';

const proxyVariables = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'];

/**
 * What sends requests: through the proxy that the environment names, if it does, and after redirections, five at most.
 * @param idleTimeout milliseconds that a connection may take for each: to be made, to answer, and to bring further bytes
 */
export function createDispatcher(idleTimeout: number): { dispatcher: Dispatcher; close(): Promise<void> } {
  const options = { connect: { timeout: idleTimeout }, headersTimeout: idleTimeout, bodyTimeout: idleTimeout };
  const agent = proxyVariables.some((name) => process.env[name]) ? new EnvHttpProxyAgent(options) : new Agent(options);
  return {
    dispatcher: agent.compose(interceptors.redirect({ maxRedirections: 5 })),
    close: () => agent.destroy(),
  };
}
