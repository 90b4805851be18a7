/**
 * Data.db, uncompressed: partitions in (token, key) order and nothing else. Big endian. Deltas are to the bases of the
 * serialization header; `uvint` is core/vint.ts, `clustering` clustering.ts.
 *
 * Partition:
 *   u16 key length | key | deletion (deletion-time.ts)
 *   [static row]                            always when the header has static columns
 *   rows and range tombstone markers, in clustering order
 *   01                                      end of partition
 *
 * Row:
 *   u8 flags | [u8 extended flags] | [clustering, not for the static row]
 *   uvint body size                         bytes from here to the row's end
 *   uvint previous size                     from the start of the unfiltered before (or of the partition) to this one's; 0 if static
 *   [uvint timestamp]                       HAS_TIMESTAMP
 *   [uvint ttl | uvint expiry]              HAS_TTL
 *   [uvint timestamp | uvint time]          HAS_DELETION
 *   [uvint timestamp | uvint time]          extended SCYLLA_SHADOWABLE
 *   [columns that are missing]              unless HAS_ALL_COLUMNS
 *   columns: a cell each; of a multi-cell one
 *     [uvint timestamp | uvint time]        HAS_COMPLEX_DELETION; may be live
 *     uvint cells | cells by path
 *
 * Missing columns: with fewer than 64 columns a uvint with a bit for each missing one; else uvint number of missing ones,
 * then the indexes of the present ones if they are fewer than half, otherwise of the missing ones, each a uvint.
 *
 * Cell:
 *   u8 flags
 *   [uvint timestamp]                       unless USE_ROW_TIMESTAMP
 *   [uvint time]                            deleted or expiring, unless USE_ROW_TTL
 *   [uvint ttl]                             expiring, unless USE_ROW_TTL
 *   [uvint length | path]                   in a multi-cell column
 *   [value]                                 unless EMPTY_VALUE: raw where the column's type has a fixed length, else uvint length first;
 *                                           in a multi-cell column always with a length
 *
 * Marker:
 *   02 | u8 kind | u16 values | [clustering] | uvint body size | uvint previous size
 *   uvint timestamp | uvint time            of a bound; of a boundary the one that ends
 *   [uvint timestamp | uvint time]          of a boundary: the one that begins
 *
 * @see Cassandra `UnfilteredSerializer`, `Cell.Serializer`; spec/sstable.md §8
 */
export const UnfilteredFlag = {
  EndOfPartition: 0x01,
  IsMarker: 0x02,
  HasTimestamp: 0x04,
  HasTtl: 0x08,
  HasDeletion: 0x10,
  HasAllColumns: 0x20,
  HasComplexDeletion: 0x40,
  Extended: 0x80,
} as const;

export const ExtendedFlag = {
  IsStatic: 0x01,
  /** Cassandra's, deprecated: the row deletion itself is shadowable. */
  CassandraShadowable: 0x02,
  /** ScyllaDB's: a second, shadowable deletion follows the row deletion. */
  ScyllaShadowable: 0x80,
} as const;

export const FileCellFlag = {
  IsDeleted: 0x01,
  IsExpiring: 0x02,
  EmptyValue: 0x04,
  UseRowTimestamp: 0x08,
  UseRowTtl: 0x10,
} as const;

/** Kinds of clustering positions by their ordinal in files. */
export const BoundKind = {
  ExclEnd: 0,
  InclStart: 1,
  ExclEndInclStart: 2,
  StaticClustering: 3,
  Clustering: 4,
  InclEndExclStart: 5,
  InclEnd: 6,
  ExclStart: 7,
} as const;

/** -1 before everything that begins with the prefix, +1 after it, 0 the row. */
export function kindWeight(kind: number): number {
  if (kind < BoundKind.StaticClustering) return -1;
  return kind > BoundKind.Clustering ? 1 : 0;
}

/** The kind of a marker with that weight, where a range ends, one begins, or both. */
export function markerKind(weight: number, closes: boolean, opens: boolean): number {
  if (weight < 0) {
    if (!closes) return BoundKind.InclStart;
    return opens ? BoundKind.ExclEndInclStart : BoundKind.ExclEnd;
  }
  if (!closes) return BoundKind.ExclStart;
  return opens ? BoundKind.InclEndExclStart : BoundKind.InclEnd;
}

/** Below this many columns the missing ones are a bitmap. */
export const BITMAP_COLUMNS = 64;

export const MAX_KEY_BYTES = 0xffff;
