import { createTfjsEngine } from '@graftjs/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';

setWasmPaths({
  'tfjs-backend-wasm.wasm': plain,
  'tfjs-backend-wasm-simd.wasm': simd,
  'tfjs-backend-wasm-threaded-simd.wasm': threaded,
});

const hasWebgl = new OffscreenCanvas(1, 1).getContext('webgl2') !== null;

/** What TensorFlow.js can run on in this browser, the fastest first; and how people call it. */
export const backends: ReadonlyMap<string, string> = new Map([
  ...(hasWebgl ? ([['webgl', 'graphics card (WebGL)']] as const) : []),
  ['wasm', 'processor (WebAssembly)'],
]);

export const engine = createTfjsEngine(tf, [...backends.keys()]);
