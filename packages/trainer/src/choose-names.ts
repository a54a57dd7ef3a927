import { CheckpointError, type Graph, type NameMap, pick, type TensorInfo } from '@graftjs/core';

type Tensors = ReadonlyMap<string, TensorInfo>;

/** How many names are shown of many. */
const shown = 3;

const sample = (names: readonly string[]): string =>
  `${names.slice(0, shown).join(', ')}${names.length > shown ? ', ...' : ''}`;

const found = ({ tensors: map }: NameMap, tensors: Tensors): string[] =>
  Object.values(map).flatMap(({ name }) => (tensors.has(name) ? [name] : []));

/** What a map makes of what a file has, as text: two maps of which it is the same are one, for this file. */
function meaning({ tensors: map, input }: NameMap, tensors: Tensors): string {
  const entries = Object.entries(map).filter(([, { name }]) => tensors.has(name));
  return JSON.stringify([entries, input]);
}

/**
 * Whose names a file has: those that the most of its tensors go by, the graph's own if there is none with more.
 * @param names the `source` of the map to take whatever fits, for files that two would do for
 * @returns undefined for the graph's own
 * @throws CheckpointError `checkpoint/other-names` where no tensor has a name that is known, `checkpoint/ambiguous-names`
 * where two sources name as many, and mean something else by them; UsageError `usage/unknown-name` for `names` that are nobody's
 */
export function chooseNames(
  tensors: Tensors,
  { name, variables }: Graph,
  nameMaps: readonly NameMap[] = [],
  names?: string,
): NameMap | undefined {
  const known = () => [
    `its own (${sample(variables.map((variable) => variable.name))})`,
    ...nameMaps.map((map) => `${map.source}'s (${sample(Object.values(map.tensors).map((tensor) => tensor.name))})`),
  ];
  const others = () =>
    new CheckpointError(
      'checkpoint/other-names',
      `The checkpoint has nothing that ${name} could take: its ${tensors.size} tensors (${sample([...tensors.keys()])}) ` +
        `have other names than those known of it: ${known().join('; ')}. Choose the network that it is of.`,
      { details: { network: name, sources: nameMaps.map(({ source }) => source) } },
    );
  if (names !== undefined) {
    const map = pick(
      `source of names for ${name}`,
      names,
      Object.fromEntries(nameMaps.map((map) => [map.source, map])),
    );
    if (found(map, tensors).length === 0) throw others();
    return map;
  }
  const own = variables.filter((variable) => tensors.has(variable.name)).length;
  const counts = nameMaps.map((map) => found(map, tensors).length);
  const most = Math.max(0, ...counts);
  if (own >= most && own > 0) return undefined;
  if (most === 0) throw others();
  const best = nameMaps.filter((_, index) => counts[index] === most);
  const meanings = best.map((map) => meaning(map, tensors));
  const rivals = best.filter((_, index) => meanings.indexOf(meanings[index]!) === index);
  if (rivals.length === 1) return rivals[0];
  const sources = rivals.map(({ source }) => source);
  throw new CheckpointError(
    'checkpoint/ambiguous-names',
    `The checkpoint's names are ${sources.join("'s as well as ")}'s: each names ${most} of its tensors ` +
      `(${sample(found(rivals[0]!, tensors))}), and they arrange them differently, or feed their network in another way. Say ` +
      `whose they are: --names ${sources.join(' or --names ')}.`,
    { details: { network: name, sources } },
  );
}
