// CommonJS, since piscina requires a program before it tries to import it, and Node from 20.19 on ends the process where an ES
// module is required that is being imported at the time.
export = import('./image-thread.js').then(({ default: runJob }) => runJob);
