import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { drain } from '../../test/support/memory-source.ts';
import { arbitraryWrite, NOW, withOwnTime } from '../../test/support/model-arbitraries.ts';
import {
  checkStream,
  MODEL_TABLE,
  type ModelBody,
  type ModelDeletion,
  type ModelWrite,
  mutationBytes,
  seenOf,
  seenPartition,
} from '../../test/support/partition-model.ts';
import { StoreHarness, WHOLE } from '../../test/support/store-harness.ts';
import { OTHER_STRATEGIES } from '../../test/support/store-scenario.ts';

/** Every kind of write and column, under every strategy and schedule of flushes, against what the model sees of all writes. */

const STRATEGIES: readonly [string, Record<string, string>][] = [
  ['size-tiered', { min_threshold: '2' }],
  ['leveled', { ...OTHER_STRATEGIES.leveled }],
  ['time windows', { ...OTHER_STRATEGIES.timeWindow }],
  ['incremental', { ...OTHER_STRATEGIES.incremental, space_amplification_goal: '1.3' }],
];

/** The write with its deletions and expiries as long before or after `now` as they were around the model's. */
function shifted(write: ModelWrite, now: number): ModelWrite {
  const by = now - NOW;
  const later = <Deletion extends ModelDeletion>(each: Deletion): Deletion => ({ ...each, time: each.time + by });
  if (write.kind === 'partition' || write.kind === 'range') return { ...write, deletion: later(write.deletion) };
  const { liveness, deletion, shadowable, complexDeletions, cells } = write.body;
  const expiry = (each: { readonly ttl: number; readonly expiry: number }) => (each.ttl === 0 ? 0 : each.expiry + by);
  const body: ModelBody = {
    liveness: liveness && { ...liveness, expiry: expiry(liveness) },
    deletion: deletion && later(deletion),
    shadowable: shadowable && later(shadowable),
    complexDeletions: complexDeletions.map(later),
    cells: cells.map((cell) => ({
      ...cell,
      deadAt: cell.deadAt === undefined ? undefined : cell.deadAt + by,
      expiry: expiry(cell),
    })),
  };
  return { ...write, body };
}

function expected(writes: readonly ModelWrite[], now: number) {
  const keys = new Map(writes.map(({ key }) => [Buffer.from(key).toString('hex'), key]));
  const token = new Token();
  const place = (key: Uint8Array): number => {
    tokenOf(key, 0, key.length, token);
    return token.hi;
  };
  const inOrder = [...keys.values()].sort((a, b) => place(a) - place(b));
  return inOrder.flatMap((key) => seenPartition(writes, key, WHOLE, now) ?? []);
}

async function seen(harness: StoreHarness, table: TableDescriptor, now: number) {
  const pool = new RowBatchPool();
  const open = () => harness.store.source(table.id)!.openScan(ALL_TOKENS, WHOLE);
  checkStream(await harness.settle(drain(open())), false);
  const live = await harness.settle(drain(liveCursor(open(), new LiveFilter(table, now), pool)));
  return seenOf(live);
}

const next = fc.constantFrom('write', 'write', 'write', 'flush', 'flush', 'compact', 'wait');
const steps = fc.array(fc.tuple(next, arbitraryWrite(false)), { minLength: 4, maxLength: 40 });

describe.each(STRATEGIES)('under the strategy of %s', (_name, compaction) => {
  test('what is read is what the model sees, nothing lost and nothing back, with and without gc grace', async () => {
    let purged = 0;
    let compactions = 0;
    const property = fc.asyncProperty(steps, fc.boolean(), fc.nat(), async (plan, mayPurge, seed) => {
      const options = {
        ...MODEL_TABLE.definition.options,
        compaction,
        compression: {},
        gcGraceSeconds: mayPurge ? 0 : 1_000_000,
      };
      const table = new TableDescriptor({ ...MODEL_TABLE.definition, options });
      const harness = new StoreHarness(seed, { tabletCount: 1, tables: [table] });
      await harness.open();
      const { store } = harness;
      const writes: ModelWrite[] = [];
      for (const [what, raw] of plan) {
        switch (what) {
          case 'flush':
            await harness.settle(store.flush(() => true));
            break;
          case 'compact':
            await harness.settle(store.compact(() => true));
            break;
          case 'wait':
            await harness.pass(4_000);
            break;
          default: {
            // What may purge must not be handed older data later: its times rise. Otherwise any order, and equal ones.
            const timed = mayPurge ? withOwnTime(raw, writes.length) : raw;
            const write = shifted(timed, harness.nowSeconds);
            writes.push(write);
            const bytes = mutationBytes(write);
            await harness.settle(
              new Promise<void>((done, failed) => {
                const told = (_: number, error: Error | undefined) => (error === undefined ? done() : failed(error));
                store.write(bytes, 0, bytes.length, false, Number.POSITIVE_INFINITY, told, 0);
              }),
            );
          }
        }
        const now = harness.nowSeconds;
        expect(await seen(harness, table, now)).toEqual(expected(writes, now));
      }
      await harness.settle(store.flush(() => true));
      await harness.pass(25_000);
      await harness.settle(store.compact(() => true));
      const now = harness.nowSeconds;
      expect(await seen(harness, table, now)).toEqual(expected(writes, now));
      const { sstables } = store.stats();
      if (writes.length > 0 && sstables === 0) purged++;
      compactions += store.stats().compactions;
      await harness.close();
      expect(harness.files.openCount).toBe(0);
    });
    await fc.assert(property, { numRuns: 60 });
    expect(purged).toBeGreaterThan(0);
    expect(compactions).toBeGreaterThan(60);
  });
});
