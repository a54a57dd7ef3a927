import { Option } from 'commander';

/** Where an engine runs. */
export interface DeviceOptions {
  readonly device?: string;
  readonly backend?: string;
}

/** `--backend`, beside `--device`: what the engine tfjs calls its devices. */
export const backendOption = (): Option =>
  new Option(
    '--backend <name>',
    'the same for the engine tfjs: node-gpu, node, cpu, wasm (default: the first that works)',
  ).conflicts('device');

/** The device that options name, as a session takes it; nothing where they name none. */
export function deviceOf({ device, backend }: DeviceOptions): { readonly device?: string } {
  const name = backend ?? device;
  return name === undefined ? {} : { device: name };
}
