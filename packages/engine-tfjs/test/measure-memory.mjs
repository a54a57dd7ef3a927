// Measures a training of VGG-16, with what the first argument says.
import { vggBackbones } from '@graftjs/model-vgg';
import { measureTraining } from '../../core/test/measure-training.mjs';
import { tfjsEngine } from '../dist/index.js';

const { size, width, ...training } = JSON.parse(process.argv[2]);
const vgg16 = vggBackbones.find(({ name }) => name === 'vgg_16');
await measureTraining(tfjsEngine, vgg16.build({ size, width, head: 'pooled', classes: 10 }), training);
