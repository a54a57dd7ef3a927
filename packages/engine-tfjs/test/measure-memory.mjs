// Trains two steps and prints what the engine said that this would take, and what the process took at most.
import { readFileSync } from 'node:fs';
import { vggBackbones } from '@graftjs/model-vgg';
import { tfjsEngine } from '../dist/index.js';

const { device, size, width, batch, optimizer: name, scope = '' } = JSON.parse(process.argv[2]);
const graph = vggBackbones
  .find((backbone) => backbone.name === 'vgg_16')
  .build({ size, width, head: 'pooled', classes: 10 });
const optimizer = {
  name,
  slots: Array.from({ length: name === 'adam' ? 2 : 1 }, (_, index) => ({ name: `Slot_${index}`, initial: 0 })),
  scalars: [],
  update(weights, gradient, slots, rate) {
    for (const slot of slots) for (let i = 0; i < slot.length; i++) slot[i] += gradient[i];
    for (let i = 0; i < weights.length; i++) weights[i] -= rate * gradient[i];
  },
};
const trainable = graph.variables.map((variable) => variable.name).filter((variable) => variable.startsWith(scope));
const own = process.memoryUsage.rss();
const use = await tfjsEngine.trainingMemory(graph, { trainable, optimizer }, { device });
const session = await tfjsEngine.openTraining(graph, { trainable, optimizer }, { device });
for (const { name, shape } of graph.variables) {
  const length = shape.reduce((product, axis) => product * axis, 1);
  session.write(
    name,
    Float32Array.from({ length }, (_, i) => ((i % 17) - 8) * 1e-3),
  );
}
const inputs = new Uint8Array(batch * size * size * 3).map((_, i) => i % 251);
const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
for (let step = 0; step < 2; step++) {
  await session.accumulate({ inputs, labels });
  await session.update(1e-3);
}
await session.close();
const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
process.stdout.write(JSON.stringify({ predicted: own + use(batch), measured: 1024 * Number(kibibytes) }));
