import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { preview } from 'vite';
import { expect, it, onTestFinished } from 'vitest';
import { isThereChromium, startBrowser } from '../../../packages/ckpt-onnx/test/chromium.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const size = 32;

/** What the images of a class show, at a place and in a colour. */
const shapes: Readonly<Record<string, (x: number, y: number, colour: string) => string>> = {
  disc: (x, y, colour) => `<circle cx="${x}" cy="${y}" r="11" fill="${colour}"/>`,
  stripes: (x, _, colour) =>
    [0, 8, 16, 24].map((left) => `<rect x="${left + (x % 5)}" width="4" height="32" fill="${colour}"/>`).join(''),
  ground: (_, y, colour) => `<rect y="${y}" width="32" height="32" fill="${colour}"/>`,
};

/** Image `index` of a class: each is of another shade of the class's colour, at another place. */
async function draw(shape: string, index: number): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
  const [x, y] = [14 + ((index * 3) % 5), 14 + ((index * 7) % 5)];
  const hue = 120 * Object.keys(shapes).indexOf(shape) + ((index * 17) % 60);
  const [ink, paper] = [`hsl(${hue} 90% 40%)`, `hsl(${(index * 131) % 360} 30% 90%)`];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}"><rect width="100%" height="100%" fill="${paper}"/>${shapes[shape]!(x, y, ink)}</svg>`;
  return {
    name: `${shape} ${index}.png`,
    mimeType: 'image/png',
    buffer: await sharp(Buffer.from(svg)).png().toBuffer(),
  };
}

const drawAll = (shape: string, first: number, count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => draw(shape, first + index)));

/** Opens the page, as it was built; what goes wrong in it is an error. */
async function openPage(): Promise<{ page: Page; problems: string[] }> {
  const server = await preview({ root, preview: { port: 0, host: '127.0.0.1' }, logLevel: 'silent' });
  onTestFinished(() => server.close());
  const page = await (await startBrowser()).newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(server.resolvedUrls!.local[0]!);
  return { page, problems };
}

const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('no image') };
const refusal = 'note.txt is no image that this browser can read, and was left out.';

/** What the page answers to images that it is given to try, with a file that is none, by their names. */
async function answersOf(page: Page, images: readonly { name: string; mimeType: string; buffer: Buffer }[]) {
  await page.getByLabel('Classify images').setInputFiles([note, ...images]);
  await page
    .locator('#answers figure')
    .nth(images.length - 1)
    .waitFor();
  const answers = new Map<string, { first: string; probabilities: Map<string, number> }>();
  for (const figure of await page.locator('#answers figure').all()) {
    const probabilities = new Map<string, number>();
    for (const meter of await figure.locator('meter').all())
      probabilities.set((await meter.getAttribute('aria-label'))!, Number(await meter.getAttribute('value')));
    const name = (await figure.locator('img').getAttribute('alt'))!;
    answers.set(name, { first: (await figure.locator('strong').textContent())!, probabilities });
  }
  return answers;
}

it('trains a head on images of its user, classifies others, and gives the network as an ONNX file', async ({
  skip,
}) => {
  skip(!isThereChromium && !process.env.CI, 'there is no Chromium for this machine: name one in CHROMIUM');
  const { page, problems } = await openPage();
  const names = Object.keys(shapes);

  await page.getByRole('button', { name: 'Add a class' }).click();
  for (const [index, shape] of names.entries()) {
    const card = page.locator('.class').nth(index);
    await card.getByLabel('Name of the class').fill(shape);
    expect(await page.getByRole('button', { name: 'Train' }).isDisabled()).toBe(true);
    await card.getByLabel('Add images').setInputFiles(await drawAll(shape, 0, 15));
    await card.getByText('15 images').waitFor();
  }
  await page.locator('.class').first().getByLabel('Add images').setInputFiles(note);
  await page.locator('#refused').getByText(refusal).waitFor();
  await page.getByLabel('Runs on').selectOption('wasm');
  await page.getByRole('button', { name: 'Train' }).click();
  await page.locator('#use, #status.error').filter({ visible: true }).waitFor({ timeout: 100_000 });
  expect(await page.locator('#status').textContent()).toMatch(/^Trained: \d of 9 images right/);
  expect(await page.locator('#held-out figure').count()).toBe(9);

  const unseen = (await Promise.all(names.map((shape) => drawAll(shape, 15, 4)))).flat();
  const answers = await answersOf(page, unseen);
  await page.locator('#exported').getByText(refusal).waitFor();
  for (const [name, { first }] of answers) expect(name).toBe(`${first} ${name.replace(/^.* /, '')}`);

  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download as ONNX' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('network.onnx');
  await page.getByText('it gives what the page gives').waitFor();
  const session = await InferenceSession.create(await readFile(await download.path()));
  for (const { name, buffer } of unseen) {
    const pixels = await sharp(buffer).removeAlpha().raw().toBuffer();
    const feeds = { [session.inputNames[0]!]: new Tensor('uint8', pixels, [1, size, size, 3]) };
    const probabilities = (await session.run(feeds))[session.outputNames[0]!]!.data as Float32Array;
    for (const [index, shape] of names.entries())
      expect(answers.get(name)!.probabilities.get(shape), `${name}: ${shape}`).toBeCloseTo(probabilities[index]!, 4);
  }
  expect(problems).toEqual([]);
});
