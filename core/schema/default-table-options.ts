import type { TableOptions } from './table.ts';

/** What a table has that says nothing: Cassandra's defaults, with ScyllaDB's chunk length of 4 KiB. Immutable. */
export const DEFAULT_TABLE_OPTIONS: TableOptions = Object.freeze({
  comment: '',
  bloomFilterFpChance: 0.01,
  caching: Object.freeze({ keys: 'ALL', rows_per_partition: 'ALL' }),
  compaction: Object.freeze({ class: 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy' }),
  compression: Object.freeze({
    chunk_length_in_kb: '4',
    sstable_compression: 'org.apache.cassandra.io.compress.LZ4Compressor',
  }),
  crcCheckChance: 1,
  dclocalReadRepairChance: 0,
  defaultTimeToLive: 0,
  gcGraceSeconds: 864_000,
  maxIndexInterval: 2048,
  memtableFlushPeriodInMs: 0,
  minIndexInterval: 128,
  readRepairChance: 0,
  speculativeRetry: '99.0PERCENTILE',
  extensions: Object.freeze({}),
});
