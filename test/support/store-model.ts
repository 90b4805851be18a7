/**
 * What a store must show, computed the slow and obvious way: every write of a history is kept, and the newest by timestamp wins.
 * Timestamps of a history are unique. Nothing here uses the code that it judges.
 */

export type StoreChange =
  | {
      readonly kind: 'row';
      readonly c: number;
      /** Seconds that the row marker lives, 0: for ever, -1: none is written (UPDATE). */
      readonly markerTtl: number;
      readonly cells: readonly StoreCell[];
    }
  | { readonly kind: 'static'; readonly cell: StoreCell }
  | { readonly kind: 'deleteRow'; readonly c: number }
  /** Rows with from <= c < to. */
  | { readonly kind: 'deleteRange'; readonly from: number; readonly to: number }
  | { readonly kind: 'deletePartition' };

export interface StoreCell {
  readonly column: number;
  /** Undefined: a tombstone. */
  readonly value: string | undefined;
  /** Seconds; 0: for ever. */
  readonly ttl: number;
}

/** One mutation. */
export interface StoreWrite {
  readonly tableId: string;
  readonly p: number;
  readonly timestamp: number;
  /** When it was made, seconds since 1970: TTLs count from here, tombstones bear it. */
  readonly madeAt: number;
  readonly changes: readonly StoreChange[];
}

/** Partitions that are `void` lose what came before. */
export interface StoreTruncation {
  readonly truncatedTable: string;
  readonly owns: (p: number) => boolean;
}
export type StoreEvent = StoreWrite | StoreTruncation;

interface Version {
  readonly timestamp: number;
  readonly value: string | undefined;
  readonly expiry: number;
}

class Row {
  marker: Version | undefined;
  readonly cells = new Map<number, Version>();
  deletedAt = 0;
}

class Partition {
  readonly rows = new Map<number, Row>();
  readonly statics = new Map<number, Version>();
  deletedAt = 0;
  readonly ranges: { from: number; to: number; timestamp: number }[] = [];

  row(c: number): Row {
    let row = this.rows.get(c);
    if (row === undefined) {
      row = new Row();
      this.rows.set(c, row);
    }
    return row;
  }
}

/**
 * Every live row as `table/p/c` and every live static row as `table/p/static`, with what is read there: cells as `column=value`, and
 * `+` for the marker.
 * @param columnsOf columns of a table that exist, by id; undefined for a table that does not
 */
export function visibleRows(
  events: readonly StoreEvent[],
  columnsOf: (tableId: string) => ReadonlySet<number> | undefined,
  nowSeconds: number,
): Map<string, string> {
  const partitions = new Map<string, Partition>();
  for (const event of events) {
    if ('truncatedTable' in event) {
      for (const key of [...partitions.keys()]) {
        const [tableId, p] = key.split('/');
        if (tableId === event.truncatedTable && event.owns(Number(p))) partitions.delete(key);
      }
      continue;
    }
    const key = `${event.tableId}/${event.p}`;
    let partition = partitions.get(key);
    if (partition === undefined) {
      partition = new Partition();
      partitions.set(key, partition);
    }
    apply(partition, event);
  }
  const rows = new Map<string, string>();
  for (const [key, partition] of partitions) {
    const columns = columnsOf(key.split('/')[0]!);
    if (columns === undefined) continue;
    const statics = shown(partition.statics, partition.deletedAt, columns, nowSeconds);
    if (statics !== '') rows.set(`${key}/static`, statics);
    for (const [c, row] of partition.rows) {
      let deletedAt = Math.max(partition.deletedAt, row.deletedAt);
      for (const { from, to, timestamp } of partition.ranges) {
        if (from <= c && c < to) deletedAt = Math.max(deletedAt, timestamp);
      }
      const marker = row.marker !== undefined && isLive(row.marker, deletedAt, nowSeconds) ? '+' : '';
      const text = marker + shown(row.cells, deletedAt, columns, nowSeconds);
      if (text !== '') rows.set(`${key}/${c}`, text);
    }
  }
  return rows;
}

function apply(partition: Partition, { timestamp, madeAt, changes }: StoreWrite): void {
  const version = (value: string | undefined, ttl: number): Version => ({
    timestamp,
    value,
    expiry: ttl === 0 ? Number.POSITIVE_INFINITY : madeAt + ttl,
  });
  for (const change of changes) {
    switch (change.kind) {
      case 'row': {
        const row = partition.row(change.c);
        if (change.markerTtl >= 0) row.marker = newer(row.marker, version('', change.markerTtl));
        for (const { column, value, ttl } of change.cells) {
          row.cells.set(column, newer(row.cells.get(column), version(value, ttl)));
        }
        break;
      }
      case 'static': {
        const { column, value, ttl } = change.cell;
        partition.statics.set(column, newer(partition.statics.get(column), version(value, ttl)));
        break;
      }
      case 'deleteRow':
        partition.row(change.c).deletedAt = Math.max(partition.row(change.c).deletedAt, timestamp);
        break;
      case 'deleteRange':
        partition.ranges.push({ from: change.from, to: change.to, timestamp });
        break;
      default:
        partition.deletedAt = Math.max(partition.deletedAt, timestamp);
    }
  }
}

function newer(a: Version | undefined, b: Version): Version {
  return a !== undefined && a.timestamp > b.timestamp ? a : b;
}

function isLive(version: Version, deletedAt: number, nowSeconds: number): boolean {
  return version.value !== undefined && version.timestamp > deletedAt && version.expiry > nowSeconds;
}

function shown(
  cells: ReadonlyMap<number, Version>,
  deletedAt: number,
  columns: ReadonlySet<number>,
  nowSeconds: number,
): string {
  return [...cells]
    .filter(([column, cell]) => columns.has(column) && isLive(cell, deletedAt, nowSeconds))
    .sort(([a], [b]) => a - b)
    .map(([column, cell]) => ` ${column}=${cell.value}`)
    .join('');
}
