import { createContainer, ENGINE, type Engine, resolve, type SessionOptions } from '@graftjs/core';
import engineOnnx from '@graftjs/engine-onnx';
import engineTfjs from '@graftjs/engine-tfjs';
import { settings } from './report.js';

const { name, device } = settings.engine ?? { name: 'onnx', device: 'cpu' };

/** The engine that the process was told to use, and how. */
export const engine: Engine = resolve(createContainer([engineOnnx, engineTfjs]), ENGINE, name);
export const where: SessionOptions = { device, threads: settings.threads };
