// CommonJS, since piscina requires a program before it tries to import it, and Node from 20.19 on ends the process where an ES
// module is required that is being imported at the time.
const worker = import('./worker.js');

export = {
  load: worker.then(({ load }) => load),
  release: worker.then(({ release }) => release),
  run: worker.then(({ run }) => run),
};
