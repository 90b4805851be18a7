import type { ColumnKind } from './column.ts';

/**
 * The schema as plain data: numbers, strings, booleans and arrays in objects with fixed field names, so that any codec can
 * carry it. Maps whose keys come from users are arrays of pairs: such a key may be `__proto__`. Types are CQL text.
 */

/** A map with names from outside, in the order of its entries. */
export type PairsData = readonly (readonly [string, string])[];

export interface ColumnData {
  readonly id: number;
  readonly name: string;
  readonly kind: ColumnKind;
  readonly position: number;
  readonly type: string;
  readonly isReversed: boolean;
}

export interface DroppedColumnData {
  readonly id: number;
  readonly name: string;
  readonly kind: ColumnKind;
  /** Without names of user types, which may change or go: see `selfContainedTypeText`. */
  readonly type: string;
  readonly droppedAtUs: number;
}

export interface TableOptionsData {
  readonly comment: string;
  readonly bloomFilterFpChance: number;
  readonly caching: PairsData;
  readonly compaction: PairsData;
  readonly compression: PairsData;
  readonly crcCheckChance: number;
  readonly dclocalReadRepairChance: number;
  readonly defaultTimeToLive: number;
  readonly gcGraceSeconds: number;
  readonly maxIndexInterval: number;
  readonly memtableFlushPeriodInMs: number;
  readonly minIndexInterval: number;
  readonly readRepairChance: number;
  readonly speculativeRetry: string;
  readonly extensions: PairsData;
}

export interface TableData {
  readonly id: string;
  readonly keyspace: string;
  readonly name: string;
  readonly version: number;
  readonly columns: readonly ColumnData[];
  readonly droppedColumns: readonly DroppedColumnData[];
  readonly nextColumnId: number;
  readonly options: TableOptionsData;
}

export interface TypeData {
  readonly keyspace: string;
  readonly name: string;
  /** Name and type of each field, in order. */
  readonly fields: PairsData;
}

/** A keyspace without what is in it. */
export interface KeyspaceData {
  readonly name: string;
  readonly replication: PairsData;
  readonly durableWrites: boolean;
  readonly consistency: 'eventual' | 'global';
  readonly tablets: PairsData;
}
