import type { OnnxNode } from '../onnx-file.js';
import { type Constant, type Constants, scalar, whole } from './constants.js';
import type { ChannelOperation } from './file-network.js';

/** One channel of the input, `factor * x + addend`, as exporters write networks that normalize each channel by itself. */
export interface InputChannel {
  readonly index: number;
  readonly factor: number;
  readonly addend: number;
}

/** What a `Gather` takes of the input; undefined where that is no channel. */
export function selectChannel(node: OnnxNode, constants: Constants): InputChannel | undefined {
  const [index, ...others] = constants.numbers(node.inputs[1]) ?? [];
  const axis = node.attributes.get('axis')?.integer ?? 0;
  return axis === 1 && index !== undefined && others.length === 0 ? { index, factor: 1, addend: 0 } : undefined;
}

/** A channel after an operation; undefined where it is not by one number. */
export function operateOn(
  { index, factor, addend }: InputChannel,
  kind: 'factor' | 'divisor' | 'addend' | 'subtrahend',
  constant: Constant | undefined,
): InputChannel | undefined {
  const [number, ...others] = constant?.tensor.numbers ?? [];
  if (number === undefined || others.length > 0) return undefined;
  if (kind === 'addend') return { index, factor, addend: addend + number };
  if (kind === 'subtrahend') return { index, factor, addend: addend - number };
  const by = kind === 'factor' ? number : 1 / number;
  return { index, factor: factor * by, addend: addend * by };
}

/** What is done to the input whose channels are put side by side again; undefined where they are others, or in another order. */
export function joinChannels(channels: readonly (InputChannel | undefined)[]): ChannelOperation[] | undefined {
  if (channels.length !== 3 || channels.some((channel, index) => channel?.index !== index)) return undefined;
  const perChannel = (part: 'factor' | 'addend'): Constant => {
    const numbers = channels.map((channel) => channel![part]);
    return whole({ ...scalar(0).tensor, name: String(numbers), shape: [1, 3, 1, 1], numbers });
  };
  return [
    { kind: 'factor', constant: perChannel('factor') },
    { kind: 'addend', constant: perChannel('addend') },
  ];
}
