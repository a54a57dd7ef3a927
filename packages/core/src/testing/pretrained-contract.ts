import type { Backbone } from '../backbone.js';
import type { Download } from '../download.js';
import { elementCount } from '../dtype.js';
import { type ContractCase, check } from './contract.js';

/**
 * What the record of a published checkpoint keeps.
 * @param backbones those of the plugin that brings it
 */
export function pretrainedContract(record: Download, backbones: readonly Backbone[]): ContractCase[] {
  const { name, archive, bytes, hash, pretrained } = record;
  const backbone = backbones.find(({ name }) => name === pretrained?.model);
  return [
    {
      name: `${name} is of a network that is there, and says what that was trained with`,
      async run() {
        check(pretrained !== undefined, 'The record says of no network that it is of.');
        check(backbone !== undefined, `There is no backbone ${pretrained.model}.`);
        const { classes, size, preprocessing } = pretrained;
        const { defaults } = backbone;
        const own = `${defaults.classes} classes, ${defaults.size} pixels, ${backbone.preprocessing}`;
        const recorded = `${classes} classes, ${size} pixels, ${preprocessing}`;
        check(recorded === own, `The record has ${recorded}, and the backbone ${own}.`);
      },
    },
    {
      name: `${name} has an output for each class, and one more where it has one for the background`,
      async run() {
        const { classNames, classes, labelOffset } = pretrained!;
        check(new Set(classNames).size === classNames.length, 'A class is there twice.');
        check(
          classes === classNames.length + 1 - labelOffset,
          `${classes} outputs for ${classNames.length} classes, with the label offset ${labelOffset}.`,
        );
      },
    },
    {
      name: `${name} says shares of what is recognised, and by whom they are published`,
      async run() {
        const { top1, top5, source } = pretrained!.accuracy;
        check(top1 > 0 && top1 < top5 && top5 < 1, `top-1 is ${top1} and top-5 ${top5}; both are shares.`);
        check(source !== '', 'The accuracy has no source.');
      },
    },
    {
      name: `${name} comes by https, and has room for the weights and little more`,
      async run() {
        check(record.address.startsWith('https://'), `The address is ${record.address}.`);
        const weights = 4 * backbone!.build().variables.reduce((sum, { shape }) => sum + elementCount(shape), 0);
        const room = archive?.bytes ?? bytes ?? Number.POSITIVE_INFINITY;
        check(room > weights && room < weights + 100e6, `${room} bytes for weights of ${weights}.`);
        check(bytes === undefined || bytes < room, `The archive has ${bytes} bytes, and holds at most ${room}.`);
        const digits = hash?.algorithm === 'md5' ? 32 : 64;
        check(
          hash === undefined || (hash.value.length === digits && /^[0-9a-f]+$/.test(hash.value)),
          `The ${hash?.algorithm} is ${hash?.value}.`,
        );
      },
    },
  ];
}
