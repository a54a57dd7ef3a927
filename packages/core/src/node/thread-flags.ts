/**
 * Arguments of Node for threads whose programs are ES modules. Without them piscina tries `require` first, and Node from 20.19 on
 * ends the process where a module is required that is being imported at the time.
 */
export const threadFlags: readonly string[] = process.allowedNodeEnvironmentFlags.has('--experimental-require-module')
  ? ['--no-experimental-require-module']
  : [];
