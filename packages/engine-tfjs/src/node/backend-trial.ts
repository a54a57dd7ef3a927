import { execFile } from 'node:child_process';

/** What a trial process found. */
export interface Trial {
  /** Why the backend did not compute what it should; absent where it did. */
  readonly failure?: string;
  /** Whether TensorFlow computes on a GPU. */
  readonly usesGpu?: boolean;
}

/** Milliseconds: the first use of a GPU compiles its programs. */
const patience = 120_000;

/** Runs in a process of its own: its last line says what it found. */
const script = `
const [backend, ...paths] = process.argv.slice(1);
const tell = (found) => process.stdout.write('\\n' + JSON.stringify(found));
(async () => {
  try {
    const [tf] = paths.map((path) => require(path));
    tf.enableProdMode();
    if (!(await tf.setBackend(backend))) throw new Error('it has no backend ' + backend);
    const y = await tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).data();
    if (y.join() !== '19,22,43,50') throw new Error('it computed ' + y.join() + ' where 19,22,43,50 is right');
    tell({ usesGpu: tf.backend().isUsingGpuDevice });
  } catch ({ message }) { tell({ failure: message }); }
})();
`;

/**
 * Has a backend of TensorFlow.js compute something small in a process of its own, so that whatever happens in native code
 * happens there.
 * @param backend as TensorFlow.js calls it
 * @param paths of the main files of its packages
 */
export function tryBackend(backend: string, paths: readonly string[]): Promise<Trial> {
  const args = ['-e', script, backend, ...paths];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: patience, maxBuffer: 2 ** 24 }, (_, stdout) => {
      try {
        resolve(JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)) as Trial);
      } catch {
        const end = child.signalCode === null ? `status ${child.exitCode}` : child.signalCode;
        resolve({ failure: `the process that tried it ended with ${end}` });
      }
    });
  });
}
