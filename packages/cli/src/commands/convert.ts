import { type BackboneOptions, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import type { TensorChange } from '@graftjs/trainer';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { type Conversion, type ConversionModel, convertCheckpoint } from '../convert-checkpoint.js';
import { list, number, wholeNumber } from '../option-values.js';
import { formatTable, print, printJson } from '../print.js';

interface Options extends Pick<BackboneOptions, 'head' | 'classes' | 'size' | 'width'> {
  readonly format: string;
  readonly model?: string;
  readonly exclude?: string[];
  readonly ignoreMissing?: true;
  readonly names?: string;
  readonly json?: true;
}

function modelOf(options: Options): ConversionModel | undefined {
  const { model, exclude, ignoreMissing, names, head, classes, size, width } = options;
  const rest = {
    ...(exclude && { exclude }),
    ...(ignoreMissing && { ignoreMissing }),
    ...(names !== undefined && { names }),
    ...(head !== undefined && { head }),
    ...(classes !== undefined && { classes }),
    ...(size !== undefined && { size }),
    ...(width !== undefined && { width }),
  };
  if (model !== undefined) return { name: model, ...rest };
  if (Object.keys(rest).length === 0) return undefined;
  const given = Object.keys(rest).map((option) => `--${option === 'ignoreMissing' ? 'ignore-missing' : option}`);
  throw new UsageError('usage/missing-option', `${given.join(', ')} say more of a --model, which is missing.`);
}

function describeChange({ tensor, variable, permuted, adapted, castFrom, minus }: TensorChange): string {
  const what = [
    ...(tensor === variable ? [] : ['renamed']),
    ...(permuted ? ['permuted'] : []),
    ...(castFrom === undefined ? [] : [`${castFrom} made float32`]),
    ...(minus === undefined ? [] : [`less ${minus}`]),
    ...(adapted ? ['adapted to what the network is fed'] : []),
  ];
  return what.length > 0 ? what.join(', ') : 'as it was';
}

/** How variables were found. */
function describeOrigin({ source, network }: Conversion): string {
  if (!network) return source === undefined ? "which had the network's own names" : `which had the names of ${source}`;
  const fed = source === undefined ? '' : `, which has names of ${source} and is taken to be fed as theirs`;
  return `found by walking the file's network${fed}`;
}

function describeConversion(conversion: Conversion): string[] {
  const { tensors, changes, differences, dropped = [], casts = [], droppedMetadata = [] } = conversion;
  const remarks = [
    ...casts.map(({ name, from, to }) => `${name}: ${from} made ${to}.`),
    ...(droppedMetadata.length > 0 ? [`Metadata dropped: ${droppedMetadata.join(', ')}.`] : []),
  ];
  if (!changes) return [`${tensors.length} variables, none of them renamed, permuted or dropped.`, ...remarks];
  const rows = [
    ...changes.map((change) => [change.tensor, change.variable, describeChange(change)]),
    ...dropped.map((tensor) => [tensor, '-', 'dropped']),
  ];
  return [
    `${tensors.length} variables, ${describeOrigin(conversion)}.`,
    ...(differences === undefined ? [] : [differences]),
    ...remarks,
    '',
    formatTable(['tensor', 'variable', 'what was done'], rows),
  ];
}

export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('write a checkpoint again in another format, and by the names of a network of Graft')
    .argument('<from>', 'a checkpoint of any known format')
    .argument('<to>', 'the path or prefix to write')
    .option('--format <name>', 'the format to write', 'slim-v2')
    .option('--model <name>', 'the network that it is of: write its variables, renamed and permuted where need be')
    .option('--head <name>', "one of the network's heads (default: its own)")
    .option('--classes <n>', "outputs of the last layer (default: the network's own)", wholeNumber(1))
    .option('--size <px>', "height and width of the images (default: the network's own)", wholeNumber(1))
    .option(
      '--width <factor>',
      'multiplies the channels of every layer but the last (default: 1)',
      number('a number above 0', (x) => x > 0),
    )
    .option('--exclude <scopes>', 'scopes of variables that are not to be written', list)
    .option('--ignore-missing', 'leave out variables that the checkpoint lacks')
    .option('--names <source>', 'whose names the checkpoint has, where several would do: torchvision, timm, keras, ...')
    .option(
      '--json',
      'print one JSON document: {from, to, tensors, source?, network?, differences?, changes?, dropped?, casts?, ' +
        'droppedMetadata?}',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  graft convert vgg_16.ckpt converted/vgg_16 --format slim-v2' +
        '\n  graft convert vgg16.safetensors converted/vgg_16 --model vgg_16',
    )
    .action(async (from: string, to: string, options: Options) => {
      const { container } = await compose();
      const model = modelOf(options);
      const done = await convertCheckpoint(from, to, container, nodeFileSystem, {
        format: options.format,
        ...(model && { model }),
      });
      if (options.json) return printJson(done);
      const [first, ...lines] = describeConversion(done);
      print(`${from} (${done.from}) is now ${to} (${done.to}): ${first}`, ...lines);
    });
}
