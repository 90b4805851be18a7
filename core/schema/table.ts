import type { ColumnId, TableId } from '../ids.ts';
import { ClusteringComparator } from './clustering-comparator.ts';
import { type ColumnDescriptor, ColumnKind, type DroppedColumn } from './column.ts';

/** Table options as system_schema.tables shows them; what CREATE TABLE does not say has Cassandra's default. */
export interface TableOptions {
  readonly comment: string;
  readonly bloomFilterFpChance: number;
  readonly caching: Readonly<Record<string, string>>;
  /** `class` is the full class name. */
  readonly compaction: Readonly<Record<string, string>>;
  /** Empty: no compression. `sstable_compression` or `class`, `chunk_length_in_kb`. */
  readonly compression: Readonly<Record<string, string>>;
  readonly crcCheckChance: number;
  readonly dclocalReadRepairChance: number;
  /** Seconds; 0 is none. */
  readonly defaultTimeToLive: number;
  readonly gcGraceSeconds: number;
  readonly maxIndexInterval: number;
  readonly memtableFlushPeriodInMs: number;
  readonly minIndexInterval: number;
  readonly readRepairChance: number;
  readonly speculativeRetry: string;
  /** Options that are stored and shown but do nothing here (cdc, tombstone_gc, paxos_grace_seconds ...), name to printed value. */
  readonly extensions: Readonly<Record<string, string>>;
}

/** What a table is made from. `columns` in any order. */
export interface TableDefinition {
  readonly id: TableId;
  readonly keyspace: string;
  readonly name: string;
  /** Counts the changes of this table's schema, from 1; travels with every mutation. */
  readonly version: number;
  readonly columns: readonly ColumnDescriptor[];
  readonly droppedColumns: readonly DroppedColumn[];
  /** The next column id to give: ids are never used again. */
  readonly nextColumnId: number;
  readonly options: TableOptions;
}

/** One version of a table's schema. Immutable and shared; everything derived from it is computed once, here. */
export class TableDescriptor {
  readonly definition: TableDefinition;
  readonly id: TableId;
  readonly keyspace: string;
  readonly name: string;
  readonly version: number;
  readonly options: TableOptions;
  readonly partitionKey: readonly ColumnDescriptor[];
  readonly clustering: readonly ColumnDescriptor[];
  /** Sorted by name bytes. */
  readonly statics: readonly ColumnDescriptor[];
  /** Sorted by name bytes. */
  readonly regulars: readonly ColumnDescriptor[];
  /** Order of clustering positions. */
  readonly comparator: ClusteringComparator;
  readonly #byName: ReadonlyMap<string, ColumnDescriptor>;
  readonly #byId: readonly (ColumnDescriptor | undefined)[];
  readonly #droppedAtUs: ReadonlyMap<number, number>;

  constructor(definition: TableDefinition) {
    this.definition = definition;
    this.id = definition.id;
    this.keyspace = definition.keyspace;
    this.name = definition.name;
    this.version = definition.version;
    this.options = definition.options;
    const ofKind = (kind: ColumnKind) =>
      definition.columns.filter((column) => column.kind === kind).sort((a, b) => a.position - b.position);
    this.partitionKey = ofKind(ColumnKind.PartitionKey);
    this.clustering = ofKind(ColumnKind.Clustering);
    this.statics = ofKind(ColumnKind.Static);
    this.regulars = ofKind(ColumnKind.Regular);
    this.comparator = new ClusteringComparator(
      this.clustering.map((column) => column.type),
      this.clustering.map((column) => column.isReversed),
    );
    this.#byName = new Map(definition.columns.map((column) => [column.name, column]));
    const byId: (ColumnDescriptor | undefined)[] = new Array(definition.nextColumnId).fill(undefined);
    for (const column of definition.columns) byId[column.id] = column;
    this.#byId = byId;
    this.#droppedAtUs = new Map(definition.droppedColumns.map((column) => [column.id, column.droppedAtUs]));
  }

  column(name: string): ColumnDescriptor | undefined {
    return this.#byName.get(name);
  }

  /** Undefined for a dropped column, and for one that a newer version added. */
  columnById(id: ColumnId | number): ColumnDescriptor | undefined {
    return this.#byId[id];
  }

  /** When the column of that id was dropped, in microseconds, or undefined while it lives. */
  droppedAtUs(id: ColumnId | number): number | undefined {
    return this.#droppedAtUs.get(id);
  }
}
