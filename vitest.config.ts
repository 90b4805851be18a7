import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'threads',
    include: ['{core,raft,commitlog,sstable,cql,cluster,shards,daemon,tools,bench,test}/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/soak/**', '**/*.sim.test.ts', '**/node_modules/**'],
    reporters: ['default', './test/support/plain-reporter.ts'],
    testTimeout: 60_000,
  },
});

export default config;
