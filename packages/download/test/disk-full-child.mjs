// Downloads into a folder that fills up at an event, then with room again, and prints what came of both:
// node disk-full-child.mjs RECORD FOLDER TYPE

import { writeFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { download } from '@graftjs/download';

const [record, folder, type] = process.argv.slice(2);
const filler = join(folder, 'filler');
await writeFile(join(folder, 'mine'), 'mine');

function fill() {
  const chunk = Buffer.alloc(4096);
  try {
    for (;;) writeFileSync(filler, chunk, { flag: 'a' });
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  }
}

let filled = false;
const onEvent = (event) => {
  if (event.type !== type || filled) return;
  filled = true;
  fill();
};
const outcome = async () => {
  try {
    return (await download(JSON.parse(record), { folder, onEvent })).status;
  } catch ({ code, message }) {
    return { code, message };
  }
};
const first = await outcome();
const left = await readdir(folder);
await rm(filler);
process.stdout.write(JSON.stringify({ first, left, second: await outcome() }));
