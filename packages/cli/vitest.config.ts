import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// The tests run the command as processes of their own, which train networks.
export default defineConfig({
  test: { maxWorkers: 2, testTimeout: 120_000, env: { GRAFT_CACHE: join(tmpdir(), 'graft-cli-tests') } },
});
