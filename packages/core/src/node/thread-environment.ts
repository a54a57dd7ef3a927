const flag = '--no-experimental-require-module';

/**
 * The environment of threads whose programs are ES modules. Without it piscina tries `require` first, and Node from 20.19 on
 * ends the process where a module is required that is being imported at the time. Given in NODE_OPTIONS, as arguments would
 * take the place of those that threads have from the process.
 */
export function threadEnvironment(): NodeJS.ProcessEnv {
  if (!process.allowedNodeEnvironmentFlags.has(flag)) return process.env;
  return { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${flag}` };
}
