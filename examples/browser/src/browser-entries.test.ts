import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build, type Plugin, type Rolldown } from 'vite';
import { expect, it } from 'vitest';
import { isThereChromium, startBrowser } from '../../../packages/ckpt-onnx/test/chromium.js';
import manifest from '../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = Object.keys(manifest.devDependencies).filter((name) => name.startsWith('@graftjs/'));
const entry = 'entry';

/** Gives an entry with what is in `source`, and notes which modules of Node's are imported, and by whom. */
function entryOf(source: string, builtins: Set<string>): Plugin {
  return {
    name: 'entry',
    enforce: 'pre',
    async resolveId(id, importer) {
      if (id === entry) return `\0${entry}`;
      if (!isBuiltin(id)) return undefined;
      const resolved = await this.resolve(id, importer, { skipSelf: true });
      // A package's own word, in its package.json, that browsers do without.
      if (resolved?.id !== '__vite-browser-external') builtins.add(`${importer} imports ${id}`);
      return undefined;
    },
    load: (id) => (id === `\0${entry}` ? source : undefined),
  };
}

/** Bundles a module for browsers. */
async function bundle(source: string): Promise<{ files: ReadonlyMap<string, string>; builtins: readonly string[] }> {
  const builtins = new Set<string>();
  const built = (await build({
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [entryOf(source, builtins)],
    build: {
      write: false,
      minify: false,
      rolldownOptions: { input: entry, preserveEntrySignatures: 'strict', output: { entryFileNames: 'entry.js' } },
    },
  })) as Rolldown.RolldownOutput;
  const files = built.output.flatMap((file) =>
    file.type === 'chunk' ? [[`/${file.fileName}`, file.code] as const] : [],
  );
  return { files: new Map(files), builtins: [...builtins] };
}

it.each(packages)('%s has nothing of Node in a bundle for browsers', async (name) => {
  expect((await bundle(`export * from '${name}';`)).builtins).toEqual([]);
});

it('what is of Node would be noticed', async () => {
  expect((await bundle("export * from '@graftjs/core/node';")).builtins).not.toEqual([]);
});

it('all of them load in Chromium', async ({ skip }) => {
  skip(!isThereChromium && !process.env.CI, 'there is no Chromium for this machine: name one in CHROMIUM');
  const all = packages.map((name, index) => `export * as package${index} from '${name}';`).join('\n');
  const { files } = await bundle(all);
  const page = await (await startBrowser()).newPage();
  await page.route('**/*', (route) => {
    const body = files.get(new URL(route.request().url()).pathname);
    return route.fulfill({ contentType: body === undefined ? 'text/html' : 'text/javascript', body: body ?? '' });
  });
  await page.goto('http://graft.test/');
  const loaded = await page.evaluate(
    "import('/entry.js').then((all) => Object.values(all).map((one) => Object.keys(one).length))",
  );
  expect(loaded).toHaveLength(packages.length);
  for (const count of loaded as number[]) expect(count).toBeGreaterThan(0);
});
