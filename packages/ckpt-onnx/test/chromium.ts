import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type Browser, type Page, chromium as playwright } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './networks.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/**
 * A headless Chromium out of the npm registry: @sparticuz/chromium has the whole program in its package, for Linux on x64.
 * Elsewhere the environment has to name one in CHROMIUM.
 */
export const isThereChromium = (process.platform === 'linux' && process.arch === 'x64') || !!process.env.CHROMIUM;

/** Unpacks it into a folder of the test alone: what an ended process had half unpacked would be taken for whole. */
async function unpackChromium(): Promise<string> {
  const before = { ...process.env };
  onTestFinished(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  });
  const folder = await temporaryFolder();
  process.env.TMPDIR = folder;
  // What the package takes for Amazon's computers, it brings the libraries of NSS for, which not every Linux has.
  process.env.AWS_LAMBDA_JS_RUNTIME = 'nodejs20.x';
  const program = await (await import('@sparticuz/chromium')).default.executablePath();
  // Its fonts are looked for in /tmp, and a page with text ends Chromium where there are none.
  process.env.FONTCONFIG_PATH = join(folder, 'fonts');
  const config = `<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>`;
  await writeFile(join(folder, 'fonts/fonts.conf'), `<?xml version="1.0"?>${config}`);
  return program;
}

/** Starts it for a test, at whose end it is closed. */
export async function startBrowser(): Promise<Browser> {
  const browser = await playwright.launch({
    executablePath: process.env.CHROMIUM ?? (await unpackChromium()),
    // In a container, and as root, there is no sandbox to be had; and nothing is to be asked of the network.
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
  onTestFinished(() => browser.close());
  return browser;
}

/** Opens an empty page on a server of this machine that has files by their paths, `{'/model.onnx': '/tmp/a.onnx'}`. */
export async function openPage(files: Readonly<Record<string, string>>): Promise<Page> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    const file = files[path];
    if (path !== '/' && file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': types[extname(file ?? 'index.html')] ?? 'application/octet-stream' });
    response.end(file === undefined ? '<!doctype html>' : await readFile(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const page = await (await startBrowser()).newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return page;
}
