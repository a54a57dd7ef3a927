import type { CheckpointReader, TensorInfo } from '@graftjs/core';

/**
 * A checkpoint by the names of a network that calls some scopes otherwise.
 * @param scopes what the checkpoint calls a scope, by what the network calls it: `{ fcn_16s: 'fcn_32s' }`
 */
export function renamingScopes(file: CheckpointReader, scopes: Readonly<Record<string, string>>): CheckpointReader {
  const renamed = [...file.tensors.values()].map((tensor): { theirs: string; own: TensorInfo } => {
    const found = Object.entries(scopes).find(([, scope]) => tensor.name.startsWith(`${scope}/`));
    const name = found ? `${found[0]}${tensor.name.slice(found[1].length)}` : tensor.name;
    return { theirs: tensor.name, own: { ...tensor, name } };
  });
  renamed.sort((a, b) => (a.own.name < b.own.name ? -1 : 1));
  const names = new Map(renamed.map(({ theirs, own }) => [own.name, theirs]));
  const theirs = (name: string): string => names.get(name) ?? name;
  return {
    tensors: new Map(renamed.map(({ own }) => [own.name, own])),
    read: (name, into) => file.read(theirs(name), into),
    readStrings: (name) => file.readStrings(theirs(name)),
    close: () => file.close(),
  };
}
