import { onnxEngine } from '@graftjs/engine-onnx';
import { randomPictures } from './random-pictures.js';
import { reportEnd, settings, timeSteps } from './report.js';
import { buildVgg16, initialize } from './vgg-16.js';

const { batch, size, threads } = settings;
const session = await onnxEngine.open(buildVgg16({ size }), { threads });
initialize(session);
const { inputs } = randomPictures(batch, size);
await timeSteps(batch, () => session.predict(inputs, batch));
reportEnd();
await session.close();
