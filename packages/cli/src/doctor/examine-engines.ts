import type { DeviceReport, Engine } from '@graftjs/core';
import type { Problem } from './problem.js';

/** An engine on this machine. */
export interface EngineHealth {
  readonly name: string;
  readonly description: string;
  /** What it runs on, with its version; absent where it does not tell. */
  readonly runtime?: string;
  /** Where it does not tell, all that it knows of. */
  readonly devices: readonly DeviceReport[];
}

async function examineEngine({ name, description, devices, ...engine }: Engine): Promise<EngineHealth> {
  const report = await engine.probe?.();
  return { name, description, ...(report ?? { devices: devices.map((device) => ({ device, lacks: [] })) }) };
}

/** Tries each engine; one that runs on no device at all is a problem. */
export async function examineEngines(
  engines: readonly Engine[],
): Promise<{ engines: readonly EngineHealth[]; problems: readonly Problem[] }> {
  const examined: EngineHealth[] = [];
  const problems: Problem[] = [];
  for (const engine of engines) {
    try {
      const health = await examineEngine(engine);
      examined.push(health);
      if (health.devices.some(({ lacks }) => lacks.length === 0)) continue;
      for (const { what, remedy } of health.devices[0]?.lacks ?? []) {
        problems.push({
          what: `The engine ${engine.name} runs on nothing here: ${what}.`,
          ...(remedy !== undefined && { remedy }),
        });
      }
    } catch (error) {
      problems.push({
        what: `The engine ${engine.name} cannot be tried: ${(error as Error).message}`,
        remedy: 'npm install',
      });
    }
  }
  return { engines: examined, problems };
}
