import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'threads',
    include: ['test/sim/**/*.sim.test.ts'],
    reporters: ['default', './test/support/plain-reporter.ts'],
    testTimeout: 1_800_000,
  },
});

export default config;
