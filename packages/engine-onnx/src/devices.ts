import type { EngineReport, Graph } from '@graftjs/core';

/** What an engine can run on, and how it finds out whether this machine has it. */
export interface Devices {
  /** The default first. */
  readonly names: readonly string[];
  /**
   * @param trained variables of `graph` that will be
   * @throws EngineError `engine/device` where this machine lacks something for `device`, or that cannot run `graph`
   */
  check(device: string, graph: Graph, trained: readonly string[]): Promise<void>;
  probe?(): Promise<EngineReport>;
}

/** Those of a package of which nothing else is known. */
export const cpuOnly: Devices = { names: ['cpu'], async check() {} };
