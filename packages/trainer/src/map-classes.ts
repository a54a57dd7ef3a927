import { type Pretrained, UsageError } from '@graftjs/core';

/** Which output of a network stands for which class of a data set. */
export interface ClassMap {
  /** A name for each output. */
  readonly names: readonly string[];
  /** For each class of the data set its output. */
  readonly outputs: Int32Array;
  /** Whether these are the classes of the published checkpoint. */
  readonly isPublished: boolean;
}

const shown = 5;

function sample(names: readonly string[]): string {
  return names.slice(0, shown).join(', ') + (names.length > shown ? ', ...' : '');
}

/** Of what the published checkpoint was trained for; undefined where the data set has something else. */
function mapPublished(
  classes: readonly string[],
  { classNames, labelOffset }: Pretrained,
): Omit<ClassMap, 'isPublished'> | undefined {
  const background = labelOffset === 0 ? ['background'] : [];
  const first = background.length;
  const places = new Map(classNames.map((name, place) => [name, place]));
  const known = classes.filter((name) => places.has(name)).length;
  if (known === classes.length) {
    const outputs = Int32Array.from(classes, (name) => first + places.get(name)!);
    return { names: [...background, ...classNames], outputs };
  }
  if (known > 0 || classes.length !== classNames.length) return undefined;
  return { names: [...background, ...classes], outputs: Int32Array.from(classes, (_, place) => first + place) };
}

/**
 * Finds the output of each class of a data set. Where the network has the outputs of a published checkpoint, by the names of
 * that one's classes, of which some may be missing; or, where there are exactly as many of other names, by their order.
 * Where it has others, as many as there are classes, by their order.
 * @param classes the data set's
 * @param outputs how many the network has
 * @throws UsageError `usage/classes` where nothing of that fits
 */
export function mapClasses(
  model: string,
  outputs: number,
  classes: readonly string[],
  pretrained: Pretrained | undefined,
): ClassMap {
  const isPublished = outputs === pretrained?.classes;
  const map = isPublished ? mapPublished(classes, pretrained) : undefined;
  if (map) return { ...map, isPublished };
  if (!isPublished && outputs === classes.length) {
    return { names: classes, outputs: Int32Array.from(classes.keys()), isPublished };
  }
  const places = new Set(pretrained?.classNames);
  const foreign = classes.filter((name) => !places.has(name));
  const found = `${classes.length} classes, ${isPublished ? foreign.length : 'all'} of them others: ${sample(foreign)}`;
  const accepted = isPublished
    ? `${model} has ${outputs} outputs, for the ${pretrained.classNames.length} classes of ${pretrained.dataset}, and the data ` +
      `set has ${found}. Accepted: classes named as those (${sample(pretrained.classNames)}), or as many of other names in ` +
      'their order.'
    : `${model} has ${outputs} outputs, and the data set has ${classes.length} classes: ${sample(classes)}.`;
  throw new UsageError(
    'usage/classes',
    `${accepted} If the checkpoint is of a network for the data set's classes, say so: --classes ${classes.length}.`,
    { details: { outputs, classes, ...(pretrained && { accepted: pretrained.classNames }) } },
  );
}
