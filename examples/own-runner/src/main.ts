import { type Source, trainOnAll } from './runner.js';
import { type Manner, shapes } from './shapes.js';

const source = (manner: Manner): Source => ({
  name: manner,
  train: shapes(manner, 600, 1),
  test: shapes(manner, 300, 2),
});

for (const sources of [[source('ink')], [source('ink'), source('chalk')]]) {
  const results = await trainOnAll(sources, 150);
  console.log(`Learned from ${sources.map(({ name }) => name).join(' and ')}:`);
  for (const [name, value] of Object.entries(results)) console.log(`  kappa on ${name}: ${value.toFixed(3)}`);
}
