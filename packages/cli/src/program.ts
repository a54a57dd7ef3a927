import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addConvert } from './commands/convert.js';
import { addDatasets } from './commands/datasets.js';
import { addDoctor } from './commands/doctor.js';
import { addDownload } from './commands/download.js';
import { addEvaluate } from './commands/evaluate.js';
import { addExport } from './commands/export.js';
import { addFinetune } from './commands/finetune.js';
import { addInspect } from './commands/inspect.js';
import { addModels } from './commands/models.js';
import { addPlugins } from './commands/plugins.js';
import { addPredict } from './commands/predict.js';
import { addSummary } from './commands/summary.js';
import { addVerify } from './commands/verify.js';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** The whole command line. It throws a `CommanderError` instead of leaving the process. */
export function createProgram(): Command {
  const program = new Command('graft')
    .description('Graft a new head on a pretrained network, fine-tune it, look at the result, ship it.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')) })
    .showHelpAfterError('(--help tells what is accepted)');
  for (const add of [
    addFinetune,
    addEvaluate,
    addPredict,
    addExport,
    addModels,
    addDatasets,
    addPlugins,
    addSummary,
    addInspect,
    addConvert,
    addVerify,
    addDownload,
    addDoctor,
  ]) {
    add(program);
  }
  return program;
}
