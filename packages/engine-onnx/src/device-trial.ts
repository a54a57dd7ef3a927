import { execFile } from 'node:child_process';
import { encodeModel } from '@graftjs/onnx';

/** What a trial process found. */
export interface Trial {
  /** Why the ONNX Runtime package could not be loaded. */
  readonly unloadable?: string;
  /** Devices that the package is built for on this system. */
  readonly builtFor: readonly string[];
  /** Libraries of the system that were asked for and are not there. */
  readonly absent: readonly string[];
  /** Why the device did not compute what it should; absent where it did. */
  readonly failure?: string;
  /** What the native code printed. */
  readonly log: string;
}

/** A convolution of 3x3 ones over 4x4 ones, which gives nines: it takes the libraries that training takes, too. */
const model = () =>
  encodeModel({
    name: 'trial',
    nodes: [
      {
        opType: 'Conv',
        domain: '',
        name: 'y',
        inputs: ['x', 'w'],
        outputs: ['y'],
        attributes: { kernel_shape: [3, 3] },
      },
    ],
    inputs: [
      { name: 'x', type: 'float32', dims: [1, 1, 4, 4] },
      { name: 'w', type: 'float32', dims: [1, 1, 3, 3] },
    ],
    outputs: [{ name: 'y', type: 'float32', dims: [1, 1, 2, 2] }],
    constants: [],
  });

/** Milliseconds: the first use of a GPU compiles its programs. */
const patience = 120_000;

/** Runs in a process of its own: its last line says what it found. */
const script = `
const [path, device, libraries, model] = process.argv.slice(1);
const found = { builtFor: [], absent: [] };
const tell = () => process.stdout.write('\\n' + JSON.stringify(found));
for (const library of JSON.parse(libraries)) {
  // A library is no module: that it is found shows in what is wrong with it.
  try { process.dlopen({ exports: {} }, library); }
  catch ({ message }) { if (!/self-register/.test(message)) found.absent.push(library); }
}
let runtime;
try { runtime = require(path); }
catch ({ message }) { found.unloadable = message; }
(async () => {
  if (!runtime) return tell();
  found.builtFor = runtime.listSupportedBackends().map(({ name }) => name);
  try {
    // Nothing may be left to the CPU, which would compute it just as well.
    const extra = device === 'cpu' ? {} : { 'session.disable_cpu_ep_fallback': '1' };
    const session = await runtime.InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders: [device], extra });
    const ones = (...dims) => new runtime.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(1), dims);
    const { y } = await session.run({ x: ones(1, 1, 4, 4), w: ones(1, 1, 3, 3) }, ['y']);
    if (y.data.some((value) => Math.abs(value - 9) > 0.1)) found.failure = 'it computed ' + y.data.join(', ') + ' where 9 is right';
  } catch ({ message }) { found.failure = message; }
  tell();
})();
`;

/**
 * Has an ONNX Runtime package compute something small on a device, in a process of its own, so that whatever happens in
 * native code happens there.
 * @param path of the package's main file
 * @param libraries of the system, to be looked for as well
 */
export function tryDevice(path: string, device: string, libraries: readonly string[]): Promise<Trial> {
  const args = ['-e', script, path, device, JSON.stringify(libraries), Buffer.from(model()).toString('base64')];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: patience, maxBuffer: 2 ** 24 }, (_, stdout, stderr) => {
      const log = stdout + stderr;
      try {
        resolve({ ...(JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)) as Trial), log });
      } catch {
        const end = child.signalCode === null ? `status ${child.exitCode}` : child.signalCode;
        resolve({ builtFor: [device], absent: [], failure: `the process that tried it ended with ${end}`, log });
      }
    });
  });
}
