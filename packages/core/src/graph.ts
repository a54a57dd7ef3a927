import type { DType, Shape } from './dtype.js';
import type { Node } from './ops.js';

/** How a variable starts when no checkpoint gives its value. */
export type Initializer =
  /** Uniform in +-sqrt(6 / (fan in + fan out)), as Glorot and Bengio (2010) and `slim.xavier_initializer`. */
  | { readonly kind: 'xavier-uniform' }
  /** Normal with deviation sqrt(2 / fan in), cut at two deviations, as He et al. (2015). */
  | { readonly kind: 'he-normal' }
  /** Normal with the given deviation, cut at two deviations, as `tf.truncated_normal_initializer`. */
  | { readonly kind: 'truncated-normal'; readonly deviation: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** Of a transposed convolution, `[k, k, channels, channels]`: bilinear interpolation of each channel by itself. */
  | { readonly kind: 'bilinear' };

/** A variable of a graph: float32, with TF-Slim's name and TF-Slim's shape (HWIO for convolutions). */
export interface Variable {
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
  /** False for values that no gradient reaches, such as moving averages. */
  readonly trainable: boolean;
  /** True where weight decay applies: Slim decays `weights` and nothing else. */
  readonly decayed: boolean;
}

/** What the graph is fed: a batch of these. */
export interface GraphInput {
  readonly name: string;
  /** One example without the batch axis: `[height, width, channels]`. */
  readonly shape: Shape;
  readonly dtype: Extract<DType, 'uint8' | 'float32'>;
}

/** Another result, whose loss counts too in training, so that the layers below it learn by it as well. */
export interface AuxiliaryOutput {
  /** The node with its logits, of the same classes. */
  readonly output: string;
  /** What its softmax cross-entropy is multiplied with. */
  readonly weight: number;
}

/**
 * A network as plain, frozen data. Every shape is that of one example: the batch axis is left out and may have any
 * length. Images are NHWC, convolution weights HWIO.
 */
export interface Graph {
  /** The backbone's name: `vgg_16`. */
  readonly name: string;
  readonly input: GraphInput;
  /** In an order in which every node comes after those that it reads. */
  readonly nodes: readonly Node[];
  /** In the order of their creation, as TensorFlow has them. */
  readonly variables: readonly Variable[];
  /** Names that users know (`vgg_16/pool5`), in order, and the node that each stands for. */
  readonly endPoints: Readonly<Record<string, string>>;
  /**
   * The node with the result: logits `[classes]` for a classifier, `[height, width, classes]`, of the images' own height and
   * width, for a segmenter.
   */
  readonly output: string;
  /** Computed in training alone; mostly none. */
  readonly auxiliary: readonly AuxiliaryOutput[];
  /**
   * Scopes of the layers that belong to the task and not to the backbone, auxiliary ones too: what `--train head` trains.
   */
  readonly headScopes: readonly string[];
}
