import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { getIconData, iconToHTML, iconToSVG } from '@iconify/utils';
import sharp from 'sharp';

const require = createRequire(import.meta.url);

/** The artists whose emoji are learned from, and the one that is kept for testing. */
const artists = { train: ['noto', 'twemoji'], test: ['fluent-emoji-flat'] } as const;

/** Too few to count in two of the three sets. */
const leftOut = 'Flags';

/** `artist-dark-skin-tone`, or `man-artist-dark` where the artist leaves the last words out. */
const skinTone = /-(light|medium-light|medium|medium-dark|dark)(-skin-tone)?(-|$)/;

interface Emoji {
  readonly split: string;
  readonly category: string;
  readonly file: string;
  readonly svg: string;
}

async function emojiOf(split: string, artist: string): Promise<Emoji[]> {
  const read = async (file: string) =>
    JSON.parse(await readFile(require.resolve(`@iconify-json/${artist}/${file}`), 'utf8'));
  const icons = await read('icons.json');
  const { categories } = (await read('metadata.json')) as { categories: Record<string, string[]> };
  return Object.entries(categories)
    .filter(([category]) => category !== leftOut)
    .flatMap(([category, names]) => {
      const people = category === 'People & Body';
      return names
        .filter((name) => !(people && skinTone.test(name)))
        .map((name): Emoji => {
          const { body, attributes } = iconToSVG(getIconData(icons, name)!, { height: 'auto' });
          return { split, category, file: `${artist}_${name}.png`, svg: iconToHTML(body, attributes) };
        });
    });
}

/**
 * Draws the emoji on white as an image folder, `train/CATEGORY/*.png` and `test/CATEGORY/*.png`; done once.
 * @param size height and width in pixels
 * @param onProgress called with the number of images drawn and their total
 */
export async function drawEmoji(
  folder: string,
  size: number,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  const sets = Object.entries(artists).flatMap(([split, names]) => names.map((artist) => emojiOf(split, artist)));
  const emoji = (await Promise.all(sets)).flat();
  for (const place of new Set(emoji.map(({ split, category }) => join(draft, split, category))))
    await mkdir(place, { recursive: true });

  let done = 0;
  const queue = emoji.values();
  const drawNext = async (): Promise<void> => {
    for (const { split, category, file, svg } of queue) {
      await sharp(Buffer.from(svg), { density: 72 })
        .resize(size, size, { fit: 'contain', background: 'white' })
        .flatten({ background: 'white' })
        .png()
        .toFile(join(draft, split, category, file));
      onProgress(++done, emoji.length);
    }
  };
  await Promise.all(Array.from({ length: 4 }, drawNext));
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
}
