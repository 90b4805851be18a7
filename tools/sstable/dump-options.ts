/** Forms of `sstable dump-data`. */
export const DumpFormat = { Scylla: 'scylla', Sstabledump: 'sstabledump' } as const;
export type DumpFormat = (typeof DumpFormat)[keyof typeof DumpFormat];

/** What a dump shows, and how. */
export interface DumpOptions {
  readonly format: DumpFormat;
  /** Raw forms of the partition keys to show, in hex; empty: all partitions. */
  readonly partitions: readonly string[];
  readonly keysOnly: boolean;
  /** Times as numbers. */
  readonly rawTimes: boolean;
  /** A line of JSON for each partition, without anything around them. */
  readonly asLines: boolean;
  /** All files as one stream. */
  readonly merge: boolean;
  /** sstabledump of Cassandra 5 and later names the kind of table. */
  readonly cassandraVersion: number;
  /** Clock in seconds since 1970: what has expired at it. */
  readonly nowSeconds: number;
}
