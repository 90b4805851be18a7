import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CorruptFileError, TesseraError, UnsupportedFormatError } from '../core/errors.ts';
import { int64ToBigInt } from '../core/int64.ts';
import { FragmentKind, type RowBatch } from '../core/read/row-batch.ts';
import { ALL_ROWS, type ClusteringSlice, type PartitionSlice } from '../core/read/slice.ts';
import { ALL_TOKENS, Token, tokenOf } from '../core/token.ts';
import { NodeFiles } from '../shards/host/node-files.ts';
import { ReadSet, SinglePartition, SSTableCursor } from './cursor.ts';
import { CardinalityEstimate } from './format/cardinality.ts';
import { SSTable } from './reader.ts';
import { ContentLines, drain } from './testing/content-lines.ts';

/** Files that Cassandra and ScyllaDB wrote, with what a correct reader finds in them. */
const FIXTURES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../shared/fixtures/sstables');
const READ_VERSIONS = ['ma', 'mb', 'mc', 'md', 'me', 'ms', 'mt', 'na', 'nb', 'nc', 'oa', 'da'];

const MOST_SLICED_PARTITIONS = 5;
const SLICES_OF_A_PARTITION = 12;

const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

interface FixtureTable {
  readonly prefix: string;
  readonly version: string;
  readonly content_sha256: string;
  readonly content_lines: number;
  readonly partition_count: number;
  readonly statistics: Readonly<Record<string, unknown>> & { readonly partitioner: string };
  readonly serialization_header: Readonly<Record<string, unknown>>;
  readonly compression: { readonly class: string } | null;
  readonly filter: { readonly hash_count: number; readonly bits: number } | null;
}

/** The statistics of an open SSTable in the form of expected.json. */
function describeStatistics({ statistics: { partitioner, bloomFilterFpChance, stats } }: SSTable) {
  const histogram = ({ offsets, counts }: typeof stats.partitionSizes) => ({
    buckets: counts.length,
    nonzero: [...counts].flatMap((count, i) =>
      count === 0 ? [] : [[String(offsets[Math.max(0, i - 1)]), String(count)]],
    ),
  });
  return {
    partitioner,
    bloom_filter_fp_chance: bloomFilterFpChance,
    min_timestamp: String(int64ToBigInt(stats.minTimestampHi, stats.minTimestampLo)),
    max_timestamp: String(int64ToBigInt(stats.maxTimestampHi, stats.maxTimestampLo)),
    min_local_deletion_time: stats.minLocalDeletionTime,
    max_local_deletion_time: stats.maxLocalDeletionTime,
    min_ttl: stats.minTtl,
    max_ttl: stats.maxTtl,
    compression_ratio: Number.isNaN(stats.compressionRatio) ? 'NaN' : stats.compressionRatio,
    sstable_level: stats.level,
    repaired_at: String(stats.repairedAtMs),
    total_columns_set: String(stats.cellCount),
    total_rows: String(stats.rowCount),
    has_legacy_counter_shards: stats.hasLegacyCounterShards,
    partition_size_histogram: histogram(stats.partitionSizes),
    cell_count_histogram: histogram(stats.cellCounts),
  };
}

function describeHeader({ statistics: { header } }: SSTable) {
  const column = ({ name, typeName }: { name: string; typeName: string }) => ({ name, type: typeName });
  return {
    min_timestamp: String(int64ToBigInt(header.minTimestampHi, header.minTimestampLo)),
    key_type: header.partitionKeyType,
    clustering_types: header.clusteringTypes,
    static_columns: header.statics.map(column),
    regular_columns: header.regulars.map(column),
  };
}
interface Fixture {
  readonly case: string;
  readonly expect: { readonly readable: boolean };
  readonly sstables: readonly FixtureTable[];
}

function loadCases(): Fixture[] {
  if (!existsSync(FIXTURES)) return [];
  const cases = JSON.parse(readFileSync(join(FIXTURES, 'cases.json'), 'utf8')) as { case: string }[];
  return cases.map((entry) => JSON.parse(readFileSync(join(FIXTURES, entry.case, 'expected.json'), 'utf8')) as Fixture);
}

const cases = loadCases();
const files = new NodeFiles();

function dataPath(fixture: Fixture, table: FixtureTable): string {
  return join(FIXTURES, fixture.case, `${table.prefix}-Data.db`);
}

const readable = cases
  .filter((fixture) => fixture.expect.readable)
  .flatMap((fixture) => fixture.sstables.map((table) => ({ name: `${fixture.case} ${table.prefix}`, fixture, table })));

describe.skipIf(cases.length === 0)(
  'files that others wrote (skipped where the fixtures are not beside the repository)',
  () => {
    const read = readable.filter(({ table }) => READ_VERSIONS.includes(table.version));
    test.each(read)('$name has the expected content', async ({ fixture, table }) => {
      for (const isBlocking of [true, false]) {
        const sstable = await SSTable.open(files, dataPath(fixture, table), {
          isBlocking,
          anyPartitioner: true,
          raw: true,
        });
        const content = new ContentLines(sstable.table, sstable.version.hasUnsignedDeletionTime);
        await drain(sstable.openScan(ALL_TOKENS, WHOLE), (batch) => content.add(batch));
        sstable.close();
        const text = content.lines.map((line) => `${line}\n`).join('');
        if (createHash('sha256').update(text).digest('hex') !== table.content_sha256) {
          expect(content.lines.slice(0, 40)).toEqual(['?']);
        }
        expect(content.partitionCount).toBe(table.partition_count);
        expect(content.lines.length).toBe(table.content_lines);
      }
    });

    test.each(read)('$name has the expected statistics, header and filter', async ({ fixture, table }) => {
      const sstable = await SSTable.open(files, dataPath(fixture, table), { anyPartitioner: true });
      expect(table.statistics).toMatchObject(describeStatistics(sstable));
      expect(table.serialization_header).toMatchObject(describeHeader(sstable));
      if (table.filter !== null && sstable.filter !== undefined) {
        expect(sstable.filter.hashCount).toBe(table.filter.hash_count);
        expect(sstable.filter.bitCount).toBe(table.filter.bits);
      }
      sstable.close();
    });

    const byCassandra = /^fffffffe0d19/; // ScyllaDB's estimates have another precision
    test.each(read)(
      '$name: every key is found by filter and index, and estimated; others are not',
      async ({ fixture, table }) => {
        const options = { isBlocking: true, raw: true, anyPartitioner: true };
        const sstable = await SSTable.open(files, dataPath(fixture, table), options);
        const keys: Uint8Array[] = [];
        await drain(sstable.openScan(ALL_TOKENS, { ...WHOLE, wantsRows: false, wantsStatics: false }), (batch) => {
          for (let i = 0; i < batch.count; i++) {
            if (batch.kind[i] !== FragmentKind.PartitionStart) continue;
            keys.push(batch.bytes.slice(batch.positionStart[i], batch.positionEnd[i]));
          }
        });
        expect(keys.length).toBe(table.partition_count);
        const cardinality = Buffer.from(sstable.statistics.cardinality).toString('hex');
        if (byCassandra.test(cardinality)) {
          const estimate = new CardinalityEstimate();
          for (const key of keys) estimate.add(key, 0, key.length);
          expect(Buffer.from(estimate.encode()).toString('hex')).toBe(cardinality);
        }
        const token = new Token();
        for (const key of keys.length > 500 ? keys.filter((_, i) => i % 97 === 0) : keys) {
          tokenOf(key, 0, key.length, token);
          const cursor = sstable.openPartition(token.hi, token.lo, key, 0, key.length, WHOLE);
          let starts = 0;
          await drain(cursor!, (batch) => {
            for (let i = 0; i < batch.count; i++) if (batch.kind[i] === FragmentKind.PartitionStart) starts++;
          });
          expect(starts).toBe(1);
        }
        const known = new Set(keys.map((key) => Buffer.from(key).toString('hex')));
        for (const key of keys.slice(0, 40)) {
          const other = key.slice();
          other[other.length - 1] = other.at(-1)! ^ 0x55;
          if (known.has(Buffer.from(other).toString('hex'))) continue;
          // What the filter lets pass is looked for in the index all the same.
          for (const isFiltered of [true, false]) {
            tokenOf(other, 0, other.length, token);
            if (isFiltered) {
              const cursor = sstable.openPartition(token.hi, token.lo, other, 0, other.length, WHOLE);
              if (cursor !== undefined) await drain(cursor, () => expect.fail('found a key that is not there'));
            } else {
              const set = new ReadSet(sstable.parts, 0);
              const single = new SinglePartition(sstable.parts, set, token.hi, token.lo, other, WHOLE);
              await drain(new SSTableCursor(single, () => set.close()), () =>
                expect.fail('found a key that is not there'),
              );
            }
          }
        }
        sstable.close();
      },
    );

    test.each(read)(
      '$name: slices of a partition are what the whole has, in both directions',
      async ({ fixture, table }) => {
        const sstable = await SSTable.open(files, dataPath(fixture, table), { anyPartitioner: true, raw: true });
        const { comparator } = sstable.table;
        const partitions = await readPositions(sstable);
        const token = new Token();
        let checked = 0;
        for (const { key, positions } of partitions) {
          if (positions.length < 2 || checked++ >= MOST_SLICED_PARTITIONS) continue;
          const step = Math.max(1, Math.floor(positions.length / SLICES_OF_A_PARTITION));
          for (let i = 0; i < positions.length; i += step) {
            const start = positions[i]!;
            const end = positions[Math.min(positions.length - 1, i + (i % 3) * step)]!;
            const slice: ClusteringSlice = { start, startWeight: -1, end, endWeight: 1 };
            const inside = positions.filter(
              (row) =>
                comparator.compare(row, 0, row.length, 0, start, 0, start.length, -1) > 0 &&
                comparator.compare(row, 0, row.length, 0, end, 0, end.length, 1) < 0,
            );
            tokenOf(key, 0, key.length, token);
            for (const isReversed of [false, true]) {
              const query: PartitionSlice = { ...WHOLE, slices: [slice], isReversed };
              const cursor = sstable.openPartition(token.hi, token.lo, key, 0, key.length, query);
              const found: Uint8Array[] = [];
              await drain(cursor!, (batch) => found.push(...rowsOf(batch)));
              if (isReversed) found.reverse();
              expect(found).toEqual(inside);
            }
          }
        }
        const reversed: Uint8Array[] = [];
        await drain(sstable.openScan(ALL_TOKENS, { ...WHOLE, isReversed: true }), (batch) =>
          reversed.push(...rowsOf(batch)),
        );
        expect(reversed.length).toBe(partitions.reduce((sum, { positions }) => sum + positions.length, 0));
        sstable.close();
      },
    );

    const unreadable = cases
      .filter((fixture) => !fixture.expect.readable)
      .flatMap((fixture) =>
        fixture.sstables.map((table) => ({ name: `${fixture.case} ${table.prefix}`, fixture, table })),
      );
    test.each(unreadable)('$name is refused', async ({ fixture, table }) => {
      const attempt = async () => {
        const sstable = await SSTable.open(files, dataPath(fixture, table), { isBlocking: true });
        try {
          await drain(sstable.openScan(ALL_TOKENS, WHOLE), () => {});
          await drain(sstable.openScan(ALL_TOKENS, { ...WHOLE, wantsRows: false }), () => {});
        } finally {
          sstable.close();
        }
      };
      await expect(attempt()).rejects.toBeInstanceOf(TesseraError);
      await expect(attempt()).rejects.toSatisfy(
        (error) => error instanceof CorruptFileError || error instanceof UnsupportedFormatError,
      );
    });

    test('every case is read or refused as its expectation says', () => {
      expect(cases.length).toBe(103);
      const kinds = { read: 0, 'refused as expected': 0, 'of a version that is not read': 0 };
      for (const { expect: expected, sstables } of cases) {
        const isRead = sstables.every(({ version }) => READ_VERSIONS.includes(version));
        kinds[!isRead ? 'of a version that is not read' : expected.readable ? 'read' : 'refused as expected']++;
      }
      expect(kinds).toEqual({ read: 97, 'refused as expected': 6, 'of a version that is not read': 0 });
    });

    test('every version and compressor that the collection has is among what is read', () => {
      const versions = new Set(read.map(({ table }) => table.version));
      expect([...versions].sort()).toEqual([...READ_VERSIONS].sort());
      const compressors = new Set(read.map(({ table }) => table.compression?.class ?? 'none'));
      expect([...compressors].sort()).toEqual([
        'DeflateCompressor',
        'LZ4Compressor',
        'SnappyCompressor',
        'ZstdCompressor',
        'none',
      ]);
      const partitioners = new Set(read.map(({ table }) => table.statistics.partitioner.replace(/.*\./, '')));
      expect([...partitioners].sort()).toEqual(['ByteOrderedPartitioner', 'LocalPartitioner', 'Murmur3Partitioner']);
    });

    const others = read.filter(({ table }) => !table.statistics.partitioner.endsWith('Murmur3Partitioner'));
    test.each(others)('$name: its partitioner is refused by name unless any will do', async ({ fixture, table }) => {
      const attempt = SSTable.open(files, dataPath(fixture, table));
      await expect(attempt).rejects.toBeInstanceOf(UnsupportedFormatError);
      await expect(attempt).rejects.toThrow(`partitioner ${table.statistics.partitioner}`);
    });
  },
);

interface SlicedPartition {
  readonly key: Uint8Array;
  /** Of its rows, in order, each once. */
  readonly positions: readonly Uint8Array[];
}

function rowsOf(batch: RowBatch): Uint8Array[] {
  const rows: Uint8Array[] = [];
  for (let i = 0; i < batch.count; i++) {
    if (batch.kind[i] === FragmentKind.Row) rows.push(batch.bytes.slice(batch.positionStart[i], batch.positionEnd[i]));
  }
  return rows;
}

async function readPositions(sstable: SSTable): Promise<SlicedPartition[]> {
  const partitions: { key: Uint8Array; positions: Uint8Array[] }[] = [];
  await drain(sstable.openScan(ALL_TOKENS, WHOLE), (batch) => {
    for (let i = 0; i < batch.count; i++) {
      const bytes = () => batch.bytes.slice(batch.positionStart[i], batch.positionEnd[i]);
      if (batch.kind[i] === FragmentKind.PartitionStart) partitions.push({ key: bytes(), positions: [] });
      else if (batch.kind[i] === FragmentKind.Row) partitions.at(-1)!.positions.push(bytes());
    }
  });
  return partitions;
}
