import type { Command } from 'commander';
import { type Examination, examine } from '../doctor/examine.js';
import type { EngineHealth } from '../doctor/examine-engines.js';
import { formatCount, formatQuantity, print, printJson } from '../print.js';

const bytes = (count: number): string => formatQuantity(count, 'B');

/** Rows under a title, their columns aligned. */
function section(title: string, rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((most, row) => {
    return row.map((cell, column) => Math.max(most[column] ?? 0, cell.length));
  }, []);
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
  return ['', title, ...lines];
}

function describeSystem({ node, system }: Examination): string[] {
  const { platform, architecture, processor, cores, memory, disks } = system;
  const limit = memory.limit === undefined ? '' : `; this container may use ${bytes(memory.limit)}`;
  return section('System', [
    ['Node', `${node.version} (${node.required.replace('>=', '')} or later is needed)`],
    ['machine', `${platform} ${architecture}, ${processor}`],
    ['cores', `${cores}`],
    ['memory', `${bytes(memory.available)} available of ${bytes(memory.total)}${limit}`],
    ...disks.map(({ folder, free }) => ['disk', `${bytes(free)} free in ${folder}`]),
  ]);
}

function describeEngine({ name, runtime, devices }: EngineHealth): string[] {
  const width = Math.max(...devices.map(({ device }) => device.length));
  const indent = ' '.repeat(width + 4);
  return [
    '',
    `Engine ${name}${runtime === undefined ? '' : `, on ${runtime}`}`,
    ...devices.flatMap(({ device, lacks }) => [
      `  ${device.padEnd(width)}  ${lacks.length === 0 ? 'works' : 'does not work here'}`,
      ...lacks.flatMap(({ what, remedy }) => [
        `${indent}- ${what}`,
        ...(remedy === undefined ? [] : [`${indent}  to mend it: ${remedy}`]),
      ]),
    ]),
  ];
}

function describe(examination: Examination): string[] {
  const { graft, engines, plugins, caches, problems } = examination;
  const found = plugins.map(({ name, version = '', from }) => [name, version, from]);
  const kept = caches.map(({ name, folder, files, bytes: size }) => {
    return [name, bytes(size), `${formatCount(files)} files`, folder];
  });
  return [
    `Graft ${graft}`,
    ...describeSystem(examination),
    ...engines.flatMap(describeEngine),
    ...section('Plugins', found.length > 0 ? found : [['none']]),
    ...section('Caches, which may be deleted', kept),
    '',
    ...(problems.length === 0 ? ['Nothing is wrong.'] : [`Wrong: ${problems.length}`]),
    ...problems.flatMap(({ what, remedy }) => [
      `  - ${what}`,
      ...(remedy === undefined ? [] : [`    to mend it: ${remedy}`]),
    ]),
  ];
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what Graft finds here, what is wrong with it, and how to mend that')
    .option('--json', 'print one JSON document: {graft, node, system, engines, plugins, caches, problems}')
    .addHelpText('after', '\nThe exit status is 0 if nothing is wrong, else 1. A device that is missing is not wrong.')
    .action(async ({ json }: { json?: true }) => {
      const examination = await examine();
      if (examination.problems.length > 0) process.exitCode = 1;
      if (json) printJson(examination);
      else print(...describe(examination));
    });
}
