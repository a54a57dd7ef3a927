import { readFileSync } from 'node:fs';

/** Keeps so many slots as the optimizer of that name, and costs nothing else. */
const optimizerLike = (name) => ({
  name,
  slots: Array.from({ length: name === 'adam' ? 2 : 1 }, (_, index) => ({ name: `Slot_${index}`, initial: 0 })),
  scalars: [],
  update(weights, gradient, slots, rate) {
    for (const slot of slots) for (let i = 0; i < slot.length; i++) slot[i] += gradient[i];
    for (let i = 0; i < weights.length; i++) weights[i] -= rate * gradient[i];
  },
});

/**
 * Trains two steps and prints what the engine said that this would take, and what the process took at most, in bytes: for a
 * process that does nothing else.
 * @param training.scope what the names of trained variables begin with; default: all are trained
 * @param training.device of the engine; default: its own
 */
export async function measureTraining(engine, graph, { batch, optimizer, scope = '', device }) {
  const trainable = graph.variables.map(({ name }) => name).filter((name) => name.startsWith(scope));
  const training = { trainable, optimizer: optimizerLike(optimizer) };
  const own = process.memoryUsage.rss();
  const use = await engine.trainingMemory(graph, training, { device });
  const session = await engine.openTraining(graph, training, { device });
  const lengths = new Map(graph.variables.map(({ name, shape }) => [name, shape.reduce((a, b) => a * b, 1)]));
  // One array for all: what each leaves behind would be there or not as the garbage collector comes by.
  const values = new Float32Array(Math.max(...lengths.values())).map((_, i) => ((i % 17) - 8) * 1e-3);
  for (const [name, length] of lengths) session.write(name, values.subarray(0, length));
  const inputs = new Uint8Array(batch * graph.input.shape.reduce((a, b) => a * b, 1)).map((_, i) => i % 251);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
  for (let step = 0; step < 2; step++) {
    await session.accumulate({ inputs, labels });
    await session.update(1e-3);
  }
  await session.close();
  const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  process.stdout.write(JSON.stringify({ predicted: own + use(batch), measured: 1024 * Number(kibibytes) }));
}
