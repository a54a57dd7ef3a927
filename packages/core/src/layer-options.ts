import type { Initializer } from './graph.js';
import type { PaddingRule, PairOption } from './padding.js';

/** How `slim.batch_norm` is set; the variables are `NAME/BatchNorm/gamma`, `beta`, `moving_mean` and `moving_variance`. */
export interface BatchNormOptions {
  /** Whether there is a gamma. Default false, as in Slim. */
  readonly scale?: boolean;
  /** Added to the variance. Default 0.001. */
  readonly epsilon?: number;
  /** Of the moving averages. Default 0.999. */
  readonly decay?: number;
}

/** A convolution with its bias or batch normalization and its activation, as `slim.conv2d`. */
export interface Conv2dOptions {
  /** Below the builder's scope; the layer's variables are `NAME/weights` and `NAME/biases`. */
  readonly name: string;
  readonly channels: number;
  readonly kernel: PairOption;
  /** Default 1. */
  readonly strides?: PairOption;
  /** Default `SAME`. */
  readonly padding?: PaddingRule;
  /** Default 1. */
  readonly dilations?: PairOption;
  /** Input and output channels are cut into so many groups, and each group of outputs reads one of inputs. Default 1. */
  readonly groups?: number;
  /** Default true, and false with `batchNorm`. */
  readonly biases?: boolean;
  /** Default zeros. */
  readonly biasesInitializer?: Initializer;
  /** Default: no batch normalization. */
  readonly batchNorm?: BatchNormOptions;
  /** Default `relu`. */
  readonly activation?: 'relu' | 'none';
  /** Default Xavier's, as in Slim. */
  readonly initializer?: Initializer;
}

/**
 * A convolution of each channel by itself and one of 1x1 that joins them, as `slim.separable_conv2d`: the variables are
 * `NAME/depthwise_weights` `[kh, kw, in, multiplier]` and `NAME/pointwise_weights`, which Slim does not decay.
 */
export interface SeparableConv2dOptions extends Omit<Conv2dOptions, 'groups'> {
  /** Channels that the first of them makes of each. Default 1. */
  readonly multiplier?: number;
}

/** A transposed convolution without biases, as `slim.conv2d_transpose`; its variable is `NAME/weights` `[kh, kw, out, in]`. */
export interface Conv2dTransposeOptions {
  readonly name: string;
  readonly channels: number;
  readonly kernel: PairOption;
  readonly strides: PairOption;
  /** What is cut off. Default `SAME`: the result is as many times larger than the input as the strides say. */
  readonly padding?: PaddingRule;
  /** Default: bilinear interpolation, for which it has as many channels as its input. */
  readonly initializer?: Initializer;
  /** Whether it can be trained, and decays then. Default true. */
  readonly trainable?: boolean;
}

/** A pooling layer, as `slim.max_pool2d`. */
export interface PoolOptions {
  readonly name: string;
  readonly kernel: PairOption;
  /** Default 2. */
  readonly strides?: PairOption;
  /** Default `VALID`, as in Slim. */
  readonly padding?: PaddingRule;
}
