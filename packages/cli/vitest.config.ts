import { defineConfig } from 'vitest/config';

// The tests run the command as processes of their own, each of which takes all cores.
export default defineConfig({ test: { fileParallelism: false, testTimeout: 120_000 } });
