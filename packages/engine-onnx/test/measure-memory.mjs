// Measures a training of VGG-16 or of branches, with what the first argument says.
import { vggBackbones } from '@graftjs/model-vgg';
import { measureTraining } from '../../core/test/measure-training.mjs';
import { onnxEngine } from '../dist/index.js';
import { buildBranches } from './branches.mjs';

const { network, size, width, ...training } = JSON.parse(process.argv[2]);
const vgg16 = vggBackbones.find(({ name }) => name === 'vgg_16');
const graph =
  network === 'branches'
    ? buildBranches({ size, classes: 10 })
    : vgg16.build({ size, width, head: 'pooled', classes: 10 });
await measureTraining(onnxEngine, graph, training);
