import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'vite';
import { expect, it } from 'vitest';
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

/** What a bundle for browsers would take of Node's. */
async function builtinsOf(source: string): Promise<string[]> {
  const builtins = new Set<string>();
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [entryOf(source, builtins)],
    build: { write: false, minify: false, rolldownOptions: { input: entry, preserveEntrySignatures: 'strict' } },
  });
  return [...builtins];
}

it.each(packages)('%s has nothing of Node in a bundle for browsers', async (name) => {
  expect(await builtinsOf(`export * from '${name}';`)).toEqual([]);
});

it('what is of Node would be noticed', async () => {
  expect(await builtinsOf("export * from '@graftjs/core/node';")).not.toEqual([]);
});
