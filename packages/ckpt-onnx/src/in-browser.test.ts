import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose } from '@graftjs/core/testing';
import { expect, it } from 'vitest';
import { isThereChromium, openPage } from '../test/chromium.js';
import {
  everyOperation,
  imagesOf,
  networkOf,
  probabilitiesOf,
  rangesOf,
  temporaryFolder,
  valuesOf,
} from '../test/networks.js';
import { onnxExporter } from './onnx-exporter.js';

const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
const runtime = Object.fromEntries(
  readdirSync(dist).map((name): [string, string] => [`/onnxruntime-web/${name}`, join(dist, name)]),
);

/** Runs a file in the page: what anyone would write who uses it. */
const program = (url: string, pixels: readonly number[], dims: readonly number[]) => `
  (async () => {
    const ort = await import('/onnxruntime-web/ort.wasm.min.mjs');
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create('${url}');
    const images = new ort.Tensor('uint8', Uint8Array.from([${pixels.join()}]), [${dims.join()}]);
    const { probabilities } = await session.run({ images });
    return [...probabilities.data];
  })()`;

const graph = everyOperation();
const values = valuesOf(graph);
const images = imagesOf(graph, 4);

it('a file of each precision runs unchanged in Chromium, by onnxruntime-web, and gives the probabilities', async ({
  skip,
}) => {
  skip(!isThereChromium && !process.env.CI, 'there is no Chromium for this machine: name one in CHROMIUM');
  const folder = await temporaryFolder();
  const served: Record<string, string> = { ...runtime };
  for (const { name, ranged } of onnxExporter.precisions) {
    served[`/${name}.onnx`] = join(folder, `${name}.onnx`);
    const ranges = rangesOf(graph, values, ranged?.(graph) ?? [], images);
    const options = { precision: name, ranges, description: 'a test' };
    await onnxExporter.write(served[`/${name}.onnx`]!, networkOf(graph, values), options, files);
  }
  const page = await openPage(served);
  const problems: string[] = [];
  page.on('console', (message) => problems.push(message.text()));
  for (const [name, tolerance] of [
    ['float32', 1e-6],
    ['float16', 2e-3],
    ['int8', 0.05],
  ] as const) {
    for (const several of [images.slice(0, 1), images.slice(1)]) {
      const pixels = several.flatMap((image) => [...image]);
      const found = await page.evaluate(program(`/${name}.onnx`, pixels, [several.length, ...graph.input.shape]));
      checkClose(found as number[], probabilitiesOf(graph, values, several), tolerance, name);
    }
  }
  expect(problems).toEqual([]);
});
