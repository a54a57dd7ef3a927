// VGG-16 in tfjs-node: a training step with everything trained. Arguments: the settings, and the folder of tfjs-node.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [, , settingsText, home] = process.argv;
const { system, batch, size, warmup, steps } = JSON.parse(settingsText);
process.env.TF_ENABLE_ONEDNN_OPTS = '1';
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
const tf = createRequire(join(home, 'package.json'))('@tensorflow/tfjs-node');

const stages = [
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 3],
  [512, 3],
];
const mean = tf.tensor1d([123.68, 116.779, 103.939]);
const layers = [];
function layer(shape) {
  const fanIn = shape.slice(0, -1).reduce((product, axis) => product * axis, 1);
  const weights = tf.variable(tf.truncatedNormal(shape, 0, Math.sqrt(2 / fanIn)));
  layers.push({ weights, biases: tf.variable(tf.zeros([shape.at(-1)])) });
}
let channels = 3;
for (const [width, count] of stages) {
  for (let index = 0; index < count; index++) {
    layer([3, 3, channels, width]);
    channels = width;
  }
}
const places = Math.floor(size / 32) ** 2;
layer([places * 512, 4096]);
layer([4096, 4096]);
layer([4096, 1000]);

function logits(images) {
  let x = tf.sub(tf.cast(images, 'float32'), mean);
  let at = 0;
  for (const [, count] of stages) {
    for (let index = 0; index < count; index++) {
      const { weights, biases } = layers[at++];
      x = tf.relu(tf.add(tf.conv2d(x, weights, 1, 'same'), biases));
    }
    x = tf.maxPool(x, 2, 2, 'valid');
  }
  x = tf.reshape(x, [x.shape[0], -1]);
  for (; at < layers.length; at++) {
    const { weights, biases } = layers[at];
    x = tf.add(tf.matMul(x, weights), biases);
    if (at < layers.length - 1) x = tf.dropout(tf.relu(x), 0.5);
  }
  return x;
}

const optimizer = tf.train.momentum(1e-5, 0.9);
const bytes = Uint8Array.from({ length: batch * size * size * 3 }, (_, index) => (index * 7919) & 255);
const labels = tf.oneHot(
  tf.tensor1d(
    Int32Array.from({ length: batch }, (_, index) => index % 1000),
    'int32',
  ),
  1000,
);
for (let step = 0; step < warmup + steps; step++) {
  const start = performance.now();
  const before = process.cpuUsage();
  const loss = tf.tidy(() => {
    const images = tf.tensor4d(bytes, [batch, size, size, 3], 'int32');
    return optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, logits(images)), true);
  });
  loss.dataSync();
  loss.dispose();
  if (step < warmup) continue;
  const { user, system: kernel } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`${JSON.stringify({ system, images: batch, seconds, cpuSeconds: (user + kernel) / 1e6 })}\n`);
}
const versions = { 'tfjs-node': `${tf.version['tfjs-node']} on libtensorflow ${tf.backend().binding.TF_Version}` };
process.stdout.write(`${JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024, versions })}\n`);
