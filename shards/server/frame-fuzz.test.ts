import { expect, test } from 'vitest';
import { fuzzFrames } from '../../test/soak/frame-fuzz.ts';

test('20,000 hostile frames give answers, protocol errors or closed connections, and everything is given back', async () => {
  const seed = Number(process.env.TESSERA_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
  try {
    const report = await fuzzFrames(20_000, seed);
    expect(report.results).toBeGreaterThan(1000);
    expect(report.errors).toBeGreaterThan(1000);
    expect(report.closed).toBeGreaterThan(20);
    expect(report.heapGrowthBytes).toBeLessThan(20 << 20);
  } catch (error) {
    throw new Error(`replay with TESSERA_SEED=${seed}`, { cause: error });
  }
});
