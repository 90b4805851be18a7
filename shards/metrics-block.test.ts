import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import {
  bucketCount,
  bucketIndex,
  bucketLimitUs,
  counter,
  gauge,
  histogram,
  METRIC_DEFINITIONS,
  METRICS,
  Metric,
  renderPrometheus,
} from '../core/metrics.ts';
import { createMetricsMemory, MetricsBlock } from './metrics-block.ts';

const DEFINITIONS = [
  counter('requests', 'Requests, of a "kind".', { labels: { kind: 'a"b\\c' } }),
  counter('requests', 'Requests, of a "kind".', { labels: { kind: 'other' } }),
  gauge('level', 'A level\nin two lines.'),
  histogram('latency', 'Durations.', { isScyllaName: true, minUs: 4, maxUs: 16 }),
];

test('counters are exact across the 2^32 boundary', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 20 }), (amounts) => {
      const block = new MetricsBlock(createMetricsMemory(DEFINITIONS), DEFINITIONS);
      for (const amount of amounts) block.add(1, amount);
      expect(block.value(1)).toBe(amounts.reduce((sum, amount) => sum + amount, 0));
      expect(block.value(0)).toBe(0);
    }),
  );
});

test('another view of the same memory reads the same', () => {
  const memory = createMetricsMemory(DEFINITIONS);
  const writer = new MetricsBlock(memory, DEFINITIONS);
  writer.set(2, -1.5);
  writer.observe(3, 5.9);
  const reader = new MetricsBlock(memory, DEFINITIONS);
  expect(reader.value(2)).toBe(-1.5);
  expect(reader.sum(3)).toBe(5);
  expect(reader.bucket(3, 1)).toBe(1);
});

test('a block of other definitions is refused', () => {
  const renamed = [...DEFINITIONS.slice(0, 3), histogram('other', '', { minUs: 4, maxUs: 16 })];
  expect(() => new MetricsBlock(createMetricsMemory(renamed), DEFINITIONS)).toThrow(AssertionError);
  expect(() => new MetricsBlock(createMetricsMemory(DEFINITIONS.slice(1)), DEFINITIONS)).toThrow(AssertionError);
});

test("ScyllaDB's latency range has 65 buckets, the first up to 640 us", () => {
  const latency = histogram('x', '');
  expect(bucketCount(latency)).toBe(65);
  expect([0, 1, 2, 3, 4, 63, 64].map((index) => bucketLimitUs(index, latency))).toEqual([
    640,
    768,
    896,
    1024,
    1280,
    33_554_432,
    Infinity,
  ]);
});

test('every duration is in the bucket that its limits say', () => {
  const definition = histogram('x', '', { minUs: 16 });
  fc.assert(
    fc.property(fc.oneof(fc.nat(2000), fc.double({ min: 0, max: 1e12, noNaN: true })), (us) => {
      const index = bucketIndex(us, definition.minUs, definition.maxUs);
      expect(Math.floor(us)).toBeLessThan(bucketLimitUs(index, definition));
      if (index > 0) expect(us).toBeGreaterThanOrEqual(bucketLimitUs(index - 1, definition));
    }),
  );
});

test('the Prometheus text of two threads', () => {
  const sources = [0, 1].map((shard) => ({
    labels: { shard: String(shard) },
    reader: new MetricsBlock(createMetricsMemory(DEFINITIONS), DEFINITIONS),
  }));
  sources[0]!.reader.add(0, 7);
  sources[1]!.reader.set(2, 0.25);
  for (const us of [1, 5, 6, 15, 400]) sources[1]!.reader.observe(3, us);
  const text = renderPrometheus(sources, 'scylla', DEFINITIONS);
  expect(text).toMatchInlineSnapshot(`
    "# HELP tessera_requests Requests, of a "kind".
    # TYPE tessera_requests counter
    tessera_requests{shard="0",kind="a\\"b\\\\c"} 7
    tessera_requests{shard="1",kind="a\\"b\\\\c"} 0
    tessera_requests{shard="0",kind="other"} 0
    tessera_requests{shard="1",kind="other"} 0
    # HELP tessera_level A level\\nin two lines.
    # TYPE tessera_level gauge
    tessera_level{shard="0"} 0
    tessera_level{shard="1"} 0.25
    # HELP scylla_latency Durations.
    # TYPE scylla_latency histogram
    scylla_latency_bucket{shard="0",le="5.000000"} 0
    scylla_latency_bucket{shard="0",le="6.000000"} 0
    scylla_latency_bucket{shard="0",le="7.000000"} 0
    scylla_latency_bucket{shard="0",le="8.000000"} 0
    scylla_latency_bucket{shard="0",le="10.000000"} 0
    scylla_latency_bucket{shard="0",le="12.000000"} 0
    scylla_latency_bucket{shard="0",le="14.000000"} 0
    scylla_latency_bucket{shard="0",le="16.000000"} 0
    scylla_latency_bucket{shard="0",le="+Inf"} 0
    scylla_latency_sum{shard="0"} 0
    scylla_latency_count{shard="0"} 0
    scylla_latency_bucket{shard="1",le="5.000000"} 1
    scylla_latency_bucket{shard="1",le="6.000000"} 2
    scylla_latency_bucket{shard="1",le="7.000000"} 3
    scylla_latency_bucket{shard="1",le="8.000000"} 3
    scylla_latency_bucket{shard="1",le="10.000000"} 3
    scylla_latency_bucket{shard="1",le="12.000000"} 3
    scylla_latency_bucket{shard="1",le="14.000000"} 3
    scylla_latency_bucket{shard="1",le="16.000000"} 4
    scylla_latency_bucket{shard="1",le="+Inf"} 5
    scylla_latency_sum{shard="1"} 427
    scylla_latency_count{shard="1"} 5
    "
  `);
});

test('metric numbers are dense, names are legal and one family has one kind', () => {
  expect(Object.values(Metric).toSorted((a, b) => a - b)).toEqual(METRIC_DEFINITIONS.map((_, index) => index));
  const kinds = new Map<string, string>();
  const seen = new Set<string>();
  for (const definition of Object.values(METRICS)) {
    expect(definition.name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(kinds.get(definition.name) ?? definition.kind).toBe(definition.kind);
    kinds.set(definition.name, definition.kind);
    const series = `${definition.name} ${JSON.stringify(definition.labels)}`;
    expect(seen.has(series)).toBe(false);
    seen.add(series);
    expect(definition.help).not.toBe('');
  }
});
