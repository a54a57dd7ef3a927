import type { Command } from 'commander';
import { compose } from '../compose.js';
import { describeError } from '../describe-error.js';
import { backendOption, type DeviceOptions, deviceOf } from '../device-options.js';
import { print, printJson } from '../print.js';
import { readOracle } from '../verify/oracle.js';
import { passes, type TensorCheck, type Verification } from '../verify/verification.js';
import { verifyOracle } from '../verify/verify-oracle.js';

const help = `
Of each recorded tensor the shape, the mean, the norm and the recorded values are compared; errors are relative to the
tensor's scale, norm / sqrt(count). Accepted are 2e-4 for a network in use, the first loss and preprocessing, and 2e-3 for
gradients, trained variables and later losses.

The gradient of a network with rectifiers and max pooling has jumps: moving the weights by float32's epsilon can move
it by more than that, and with it whatever is trained. So where something is beyond its tolerance, the steps are run
again with every variable moved at random by up to twice that epsilon, about as rounding inside of a network does it,
in the same way each time. The largest movement of a tensor's values, or of a gradient above it, is their rounding, and
their error may be the tolerance and twice the rounding; both are printed. Likewise for the mean and for the norm.
That is done until nothing is beyond, at most 8 times; then 8 times by up to 8 times epsilon, and 8 times by up to 32
times, as long sums lose that much.

The gradient by biases whose mean a normalization takes away is 0 but for rounding. Where TensorFlow's is less than 1e-5
of that by the weights beside them, its error is relative to that, and the trained biases are not compared.

Examples:
  graft verify oracles/forward/vgg_16.json
  graft verify oracles/*/*.json --json
  graft verify oracles/forward/resnet_v1_50.json --engine tfjs --backend node`;

const describeCheck = ({ tensor, error, tolerance, rounding }: TensorCheck): string =>
  `${error.toExponential(1)} at ${tensor} (accepted: ${tolerance.toExponential(0)}` +
  `${rounding === undefined ? '' : ` and twice the rounding of ${rounding.toExponential(1)}`})`;

function describeVerification(file: string, { ok, worst, tensors, problems }: Verification): string[] {
  const failed = tensors.filter((check) => !passes(check));
  return [
    `${ok ? 'ok    ' : 'FAILED'} ${file}: ${tensors.length} tensors${worst ? `, largest error ${describeCheck(worst)}` : ''}`,
    ...problems.map((problem) => `       ${problem}`),
    ...failed.filter((check) => check !== worst).map((check) => `       ${describeCheck(check)}`),
  ];
}

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('build what an oracle file describes, run it, and compare it with what TensorFlow computed')
    .argument('<files...>', 'oracle files')
    .option('--engine <name>', 'what runs it', 'onnx')
    .option('--device <name>', "where the engine runs (default: the engine's first)")
    .addOption(backendOption())
    .option(
      '--json',
      'print one JSON document: [{file, ok, worst: {tensor, error, tolerance, rounding?}, tensors, problems}]',
    )
    .addHelpText('after', help)
    .action(async (files: string[], { engine, json, ...where }: DeviceOptions & { engine: string; json?: true }) => {
      const { container } = await compose();
      const results: object[] = [];
      for (const file of files) {
        try {
          const verification = await verifyOracle(await readOracle(file), container, { engine, ...deviceOf(where) });
          if (!verification.ok) process.exitCode = 1;
          results.push({ file, ...verification });
          if (!json) print(...describeVerification(file, verification));
        } catch (error) {
          process.exitCode = 1;
          results.push({ file, ok: false, problems: [describeError(error)] });
          process.stderr.write(`${file}: ${describeError(error)}\n`);
        }
      }
      if (json) printJson(results);
    });
}
