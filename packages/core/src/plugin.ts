import './metadata.js';
import { type DependencyContainer, container as root } from 'tsyringe';
import type { Backbone } from './backbone.js';
import type { CheckpointFormat } from './checkpoint.js';
import type { Dataset, ImageReader, MaskDataset } from './dataset.js';
import type { Download } from './download.js';
import type { Engine } from './engine.js';
import { PluginError } from './errors.js';
import type { Exporter } from './exporter.js';
import type { Segmenter } from './segmenter.js';

/** Where plugins register what they bring: a tsyringe container. */
export type Container = DependencyContainer;

declare const registered: unique symbol;

/** What things of one kind are registered under; `T` is what they are. */
export type Token<T> = symbol & { readonly [registered]: T };

// Symbol.for, so that two installed copies of this package still meet.
const token = <T>(kind: string): Token<T> => Symbol.for(`graftjs.${kind}`) as Token<T>;

export const BACKBONE = token<Backbone>('backbone');
export const SEGMENTER = token<Segmenter>('segmenter');
export const DATASET = token<Dataset | MaskDataset>('dataset');
export const DOWNLOAD = token<Download>('download');
export const IMAGE_READER = token<ImageReader>('image reader');
export const CHECKPOINT_FORMAT = token<CheckpointFormat>('checkpoint format');
export const ENGINE = token<Engine>('engine');
export const EXPORTER = token<Exporter>('exporter');

/** A plugin: what a plugin package exports by default. */
export interface Plugin {
  /** The package's name. */
  readonly name: string;
  /** Registers values or factories under core's tokens: `container.register(BACKBONE, { useValue: vgg16 })`. */
  register(container: Container): void;
}

const mark = Symbol.for('graftjs.plugin');

/** Declares a plugin, so that discovery knows the package's default export for one. */
export function definePlugin(plugin: Plugin): Plugin {
  return Object.defineProperty({ ...plugin }, mark, { value: true });
}

/** True for what `definePlugin` of any installed copy of this package returned. */
export function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && mark in value;
}

/** Everything that is registered under a token, by its name. A name registered twice is a `PluginError`. */
export function registry<T extends { readonly name: string }>(container: Container, kind: Token<T>): Map<string, T> {
  const found = new Map<string, T>();
  if (!container.isRegistered<T>(kind, true)) return found;
  for (const value of container.resolveAll<T>(kind)) {
    if (found.has(value.name)) {
      const what = String(kind.description).replace('graftjs.', '');
      throw new PluginError(
        'plugin/name-twice',
        `Two plugins bring a ${what} named '${value.name}': remove one of them.`,
        {
          details: { kind: what, name: value.name },
        },
      );
    }
    found.set(value.name, value);
  }
  return found;
}

/** The one of that name under a token; else a `PluginError` that lists those that there are. */
export function resolve<T extends { readonly name: string }>(container: Container, kind: Token<T>, name: string): T {
  const known = registry(container, kind);
  const found = known.get(name);
  if (found) return found;
  const what = String(kind.description).replace('graftjs.', '');
  const accepted = [...known.keys()];
  throw new PluginError(
    'plugin/missing',
    `There is no ${what} '${name}'. ` +
      (accepted.length > 0 ? `Installed: ${accepted.join(', ')}.` : `No installed plugin brings a ${what}.`),
    { details: { kind: what, name, accepted } },
  );
}

/** A container of its own, with what the plugins register. A plugin given twice, or one that fails, is a `PluginError`. */
export function createContainer(plugins: Iterable<Plugin>): Container {
  const container = root.createChildContainer();
  const names = new Set<string>();
  for (const plugin of plugins) {
    if (names.has(plugin.name)) throw new PluginError('plugin/name-twice', `The plugin ${plugin.name} is given twice.`);
    names.add(plugin.name);
    try {
      plugin.register(container);
    } catch (cause) {
      throw new PluginError(
        'plugin/failed',
        `The plugin ${plugin.name} could not register: ${(cause as Error).message}`,
        { cause },
      );
    }
  }
  return container;
}
