/** A way to train, as options of `graft finetune`. Together they have all that carries anything over from step to step. */
export interface Regime {
  readonly name: string;
  /** Whether its weights start from the checkpoint that the torture trained first. */
  readonly fromCheckpoint: boolean;
  /** What it learns: the class of images, or of each pixel. */
  readonly target: 'classes' | 'masks';
  readonly options: readonly string[];
}

const words = (text: string): readonly string[] => text.split(' ');

export const steps = 45;

export const regimes: readonly Regime[] = [
  {
    name: 'scratch, with augmentation, accumulation and moving averages',
    fromCheckpoint: false,
    target: 'classes',
    options: words('--augment crop,flip --accumulate 2 --moving-average-decay 0.9 --schedule cosine,warmup=5'),
  },
  {
    name: 'head alone, on features that are cached',
    fromCheckpoint: true,
    target: 'classes',
    options: words('--exclude tiny_net/logits --train head --optimizer momentum --weight-decay 0.001'),
  },
  {
    name: 'scopes, with augmentation and clipping',
    fromCheckpoint: true,
    target: 'classes',
    options: words('--train tiny_net/conv3,tiny_net/logits --augment flip --optimizer rmsprop --clip-norm 1'),
  },
  {
    name: 'all layers, with smoothed labels, weighted classes and the best kept',
    fromCheckpoint: true,
    target: 'classes',
    options: words('--optimizer adamw --label-smoothing 0.1 --class-weights balanced --early-stop 20'),
  },
  {
    name: 'masks, in stages, with augmentation and weighted pixels',
    fromCheckpoint: true,
    target: 'masks',
    options: words(
      '--stages 32s,16s --learning-rate 0.01,0.003 --steps 6 --eval-every 4 --save-every 2 --augment crop,flip,scale --class-weights median --accumulate 2',
    ),
  },
];
