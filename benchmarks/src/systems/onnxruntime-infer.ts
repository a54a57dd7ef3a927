import { InferenceSession, Tensor } from 'onnxruntime-node';
import { randomImages } from './random-images.js';
import { reportEnd, settings, timeSteps } from './report.js';

const { batch, size, threads, exported } = settings;
const session = await InferenceSession.create(exported!, { intraOpNumThreads: threads, interOpNumThreads: 1 });
const { inputs } = randomImages(batch, size);
const images = new Tensor('uint8', inputs, [batch, size, size, 3]);
const [name] = session.inputNames as [string];
await timeSteps(batch, () => session.run({ [name]: images }));
reportEnd();
await session.release();
