import type { Padding, Pair } from '@graftjs/core';
import type { OnnxNode } from '../onnx-file.js';
import type { Axes } from './axes.js';
import type { Constants } from './constants.js';
import type { Window } from './network.js';

const none: Padding = [0, 0, 0, 0];

/** Two numbers of an attribute; 1 where it is left out. */
export function pairOf(node: OnnxNode, name: string): Pair {
  const [height = 1, width = 1] = node.attributes.get(name)?.integers ?? [];
  return [height, width];
}

/** Undefined where a rule says how much is added, which depends on the image. */
function paddingOf({ attributes }: OnnxNode): Padding | undefined {
  const [top, left, bottom, right] = attributes.get('pads')?.integers ?? [];
  if (right !== undefined) return [top!, bottom!, left!, right];
  return attributes.has('auto_pad') || attributes.get('ceil_mode')?.integer === 1 ? undefined : none;
}

/** @param zeros what a step before has added */
export function windowOf(node: OnnxNode, kernel: Pair, zeros: Padding = none): Window {
  const own = paddingOf(node);
  const padding = own && (own.map((size, side) => size + zeros[side]!) as unknown as Padding);
  const counts = node.attributes.get('count_include_pad')?.integer === 1;
  return {
    kernel,
    strides: pairOf(node, 'strides'),
    dilations: pairOf(node, 'dilations'),
    padding,
    countsPadding: counts || zeros.some((size) => size > 0),
  };
}

/** What a `Pad` adds around an image; nothing where that is not known. */
export function zerosOf(node: OnnxNode, axes: Axes | undefined, constants: Constants): { readonly zeros?: Padding } {
  const pads = node.attributes.get('pads')?.integers ?? constants.numbers(node.inputs[1]);
  if (!axes || pads?.length !== 2 * axes.length) return {};
  // An input's axes have no names yet; it is padded in its last two, or around its channels, which are then the last.
  const named = axes.findIndex((axis) => String(axis) === 'H');
  const height = named >= 0 ? named : pads[axes.length - 1] || pads.at(-1) ? axes.length - 2 : 1;
  const end = axes.length + height;
  return { zeros: [pads[height]!, pads[end]!, pads[height + 1]!, pads[end + 1]!] };
}
