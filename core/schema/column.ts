import type { ColumnId } from '../ids.ts';
import type { CqlType } from '../types/cql-type.ts';

export const ColumnKind = { PartitionKey: 0, Clustering: 1, Static: 2, Regular: 3 } as const;
export type ColumnKind = (typeof ColumnKind)[keyof typeof ColumnKind];

/** A column of one table. Immutable; ids appear in memory, log and rings, names only in SSTables and CQL. */
export interface ColumnDescriptor {
  readonly id: ColumnId;
  readonly name: string;
  readonly kind: ColumnKind;
  /** Index among the columns of its kind: place in the key, or order by name bytes for static and regular ones. */
  readonly position: number;
  readonly type: CqlType;
  /** Clustering columns: declared DESC. */
  readonly isReversed: boolean;
}

/** A column that was dropped: cells of it with a timestamp up to `droppedAtUs` are dead wherever they are found. */
export interface DroppedColumn {
  readonly id: ColumnId;
  readonly name: string;
  readonly kind: ColumnKind;
  readonly type: CqlType;
  /** Microseconds since 1970, a safe integer. */
  readonly droppedAtUs: number;
}
