import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '@graftjs/core';
import { command, pythonOf } from './python-environment.js';

const packages = ['@tensorflow/tfjs-node@4.22.0', 'node-api-headers@1.5.0'];

/**
 * A folder whose `node_modules` has a `@tensorflow/tfjs-node` that works: the one that GRAFT_BENCH_TFJS names, or one that is
 * made in `folder`, once. The package's own installation downloads a libtensorflow of 2021 and fails where its server cannot
 * be reached; so its binding is compiled, with g++, for the TensorFlow of the Python environment.
 */
export async function tfjsHome(folder: string): Promise<string> {
  const given = process.env.GRAFT_BENCH_TFJS;
  if (given) {
    if (existsSync(join(given, 'node_modules/@tensorflow/tfjs-node'))) return given;
    throw new UsageError(
      'usage/tfjs',
      `GRAFT_BENCH_TFJS is '${given}', where no node_modules/@tensorflow/tfjs-node is. Give a folder that has it.`,
    );
  }
  const home = join(folder, 'tfjs');
  const binding = join(home, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');
  if (existsSync(binding)) return home;
  const python = await pythonOf('tensorflow', folder);
  process.stderr.write(`Installing ${packages[0]} into ${home} ...\n`);
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'package.json'), '{"private":true}\n');
  await command('npm', ['install', '--prefix', home, '--ignore-scripts', '--no-audit', '--no-fund', ...packages]);
  const find = 'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])';
  const { stdout } = await promisify(execFile)(python, ['-c', find]);
  const tensorflow = stdout.trim();
  const source = join(home, 'node_modules/@tensorflow/tfjs-node');
  await mkdir(join(source, 'lib/napi-v8'), { recursive: true });
  await command('g++', [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
    ...[`-I${home}/node_modules/node-api-headers/include`, `-I${tensorflow}/include`, `-I${source}/..`],
    ...[`${source}/binding/tfjs_backend.cc`, `${source}/binding/tfjs_binding.cc`],
    ...[`-L${tensorflow}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', `-Wl,-rpath,${tensorflow}`],
    ...['-o', `${binding}.draft`],
  ]);
  await rename(`${binding}.draft`, binding);
  return home;
}
