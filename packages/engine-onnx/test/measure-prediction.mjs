// Predicts with a network that enlarges its scores, and prints what the engine said that this would take, and what the process
// took at most.
import { readFileSync } from 'node:fs';
import { GraphBuilder } from '@graftjs/core';
import { onnxEngine } from '../dist/index.js';

const { size, channels, classes, strides } = JSON.parse(process.argv[2]);
const builder = new GraphBuilder('net', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
let net = builder.normalize(builder.input, { mean: [128, 128, 128], scale: 1 / 128 });
net = builder.conv2d(net, { name: 'conv', channels, kernel: 3 });
net = builder.maxPool(net, { name: 'pool', kernel: strides, strides });
net = builder.conv2d(net, { name: 'score', channels: classes, kernel: 1, activation: 'none' });
net = builder.conv2dTranspose(net, { name: 'upscore', channels: classes, kernel: 2 * strides, strides });
const margins = [strides / 2, strides / 2, strides / 2, strides / 2];
const graph = builder.build(builder.crop(net, { name: 'cropped', margins }), []);
const own = process.memoryUsage.rss();
const use = await onnxEngine.predictionMemory(graph);
const session = await onnxEngine.open(graph);
const inputs = new Uint8Array(size * size * 3).map((_, i) => i % 251);
await session.predict(inputs, 1);
await session.close();
const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
process.stdout.write(JSON.stringify({ predicted: own + use(1), measured: 1024 * Number(kibibytes) }));
