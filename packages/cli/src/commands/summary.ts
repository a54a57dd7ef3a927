import {
  BACKBONE,
  type Container,
  ENGINE,
  formatShape,
  type Graph,
  type GraphSummary,
  type PairOption,
  pick,
  registry,
  resolve,
  SEGMENTER,
  summarize,
  UsageError,
} from '@graftjs/core';
import { optimizers } from '@graftjs/trainer';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { imageSize, number, wholeNumber } from '../option-values.js';
import { formatCount, formatQuantity, formatTable, print, printJson } from '../print.js';

interface Options {
  readonly backbone?: string;
  readonly head?: string;
  readonly classes?: number;
  readonly size?: PairOption;
  readonly width?: number;
  readonly denseChannels?: number;
  readonly train?: true;
  readonly batchSize: number;
  readonly optimizer: string;
  readonly engine: string;
  readonly json?: true;
}

/** What the one kind of network can be asked, and not the other. */
const ofClassifiers = { '--head': 'head' } as const;
const ofSegmenters = { '--backbone': 'backbone', '--dense-channels': 'denseChannels' } as const;

function buildNetwork(name: string, options: Options, container: Container): Graph {
  const { backbone, head, classes, size, width, denseChannels } = options;
  const segmenter = registry(container, SEGMENTER).get(name);
  for (const [option, key] of Object.entries(segmenter ? ofClassifiers : ofSegmenters)) {
    if (options[key] === undefined) continue;
    const kind = segmenter ? 'a network for segmentation' : 'no network for segmentation';
    throw new UsageError('usage/option', `${option} came, and ${name} is ${kind}: leave it out.`);
  }
  const sizes = { ...(classes !== undefined && { classes }), ...(width !== undefined && { width }) };
  if (segmenter) {
    return segmenter.build(resolve(container, BACKBONE, backbone ?? segmenter.backbone), {
      ...sizes,
      ...(size !== undefined && { size }),
      ...(denseChannels !== undefined && { denseChannels }),
    });
  }
  return resolve(container, BACKBONE, name).build({
    ...sizes,
    ...(head !== undefined && { head }),
    ...(typeof size === 'number' ? { size } : size && { imageSize: size }),
  });
}

function printSummary({ layers, parameters, trainableParameters, flops, activationBytes }: GraphSummary): void {
  const rows = layers.map((layer) => [
    layer.name,
    formatShape(layer.shape),
    formatCount(layer.parameters),
    formatQuantity(layer.flops, 'FLOP'),
  ]);
  print(
    formatTable(['layer', 'output', '>parameters', '>per image'], rows),
    '',
    `Parameters: ${formatCount(parameters)}, of them trainable: ${formatCount(trainableParameters)} ` +
      `(${formatQuantity(4 * parameters, 'B')})`,
    `Operations: ${formatQuantity(flops, 'FLOP')} per image in use; a multiplication and an addition are two`,
    `Activations: ${formatQuantity(activationBytes, 'B')} per image`,
  );
}

/** Bytes that training every layer takes. */
interface TrainingMemory {
  readonly batchSize: number;
  readonly weights: number;
  readonly gradients: number;
  /** What the optimizer keeps. */
  readonly slots: number;
  /** The most that the process takes in a step, by the engine's reckoning; null where the engine cannot tell. */
  readonly peak: number | null;
}

async function reckonMemory(
  container: Container,
  graph: Graph,
  { optimizer: name, batchSize, engine }: Options,
): Promise<TrainingMemory> {
  const optimizer = pick('optimizer', name, optimizers)();
  const { parameters, trainableParameters } = summarize(graph);
  const trainable = graph.variables.filter((variable) => variable.trainable).map((variable) => variable.name);
  const own = process.memoryUsage.rss();
  const use = await resolve(container, ENGINE, engine).trainingMemory?.(graph, { trainable, optimizer });
  const trained = 4 * trainableParameters;
  const peak = use ? own + use(batchSize) : null;
  return { batchSize, weights: 4 * parameters, gradients: trained, slots: trained * optimizer.slots.length, peak };
}

function printMemory({ weights, gradients, slots, peak }: TrainingMemory, options: Options): void {
  const [bytes, engine] = [(value: number) => formatQuantity(value, 'B'), options.engine];
  const about = peak === null ? `${engine} cannot tell how much memory; at least` : `${bytes(peak)} at most, of these`;
  print(
    `Training all layers with ${options.optimizer}, batches of ${options.batchSize}, on the engine ${engine} takes ${about} ` +
      `${bytes(weights)} of weights, ${bytes(gradients)} of gradients and ${bytes(slots)} of optimizer slots.`,
  );
}

export function addSummary(program: Command): void {
  program
    .command('summary')
    .description('the layers of a network: output shapes, parameters, operations, and the memory that training takes')
    .argument('<model>', 'a network; `graft models` lists them')
    .option('--backbone <name>', 'what a network for segmentation is built on; default: its own')
    .option('--head <name>', 'one of the heads that the network can have')
    .option('--classes <n>', 'outputs of the last layer', wholeNumber(1))
    .option('--size <px>', 'height and width of the images: one number, or HEIGHTxWIDTH', imageSize)
    .option(
      '--width <factor>',
      'multiplies the channels of every layer but the last',
      number('a number above 0', (x) => x > 0),
    )
    .option('--dense-channels <n>', 'of the dense layers of a network for segmentation', wholeNumber(1))
    .option('--train', 'also reckon the memory that training all layers takes')
    .option('--batch-size <n>', 'images in that batch', wholeNumber(1), 32)
    .option('--optimizer <name>', `what keeps slots then: ${Object.keys(optimizers).join(', ')}`, 'adam')
    .option('--engine <name>', 'what runs it then', 'onnx')
    .option(
      '--json',
      'print one JSON document: {layers, parameters, trainableParameters, flops, activationBytes, training?}',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  graft summary vgg_16\n  graft summary vgg_16 --head pooled --classes 10 --size 64 --train\n' +
        '  graft summary fcn_8s --backbone resnet_v1_50 --size 320x480',
    )
    .action(async (name: string, options: Options) => {
      const { train, json } = options;
      const { container } = await compose();
      const graph = buildNetwork(name, options, container);
      const summary = summarize(graph);
      const memory = train && (await reckonMemory(container, graph, options));
      if (json) return printJson({ ...summary, ...(memory && { training: memory }) });
      printSummary(summary);
      if (memory) printMemory(memory, options);
    });
}
