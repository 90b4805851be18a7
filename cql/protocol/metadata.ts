import type { CqlType } from '../../core/types/cql-type.ts';
import { OutputBuffer } from './output-buffer.ts';
import { writeTypeOption } from './type-option.ts';

/** A column of a result, or a marker of a prepared statement. */
export interface ColumnSpec {
  readonly keyspace: string;
  readonly table: string;
  readonly name: string;
  readonly type: CqlType;
}

/** Flags in front of metadata (spec cql-protocol §7.2). */
export const MetadataFlag = { GlobalTable: 0x01, MorePages: 0x02, NoMetadata: 0x04, MetadataChanged: 0x08 } as const;

const NO_ID = new Uint8Array(0);

/**
 * Column specifications, encoded once when a statement is planned: a response then copies `encoded`. Immutable and shared.
 *
 *   encoded = [<keyspace string><table string>]  when all columns are of one table (then flag 0x01 is set)
 *             <column spec>*
 */
export class ColumnMetadata {
  readonly columns: readonly ColumnSpec[];
  /** MetadataFlag.GlobalTable or 0. */
  readonly flags: number;
  readonly encoded: Uint8Array;
  /** The result metadata id (§8.2), 16 bytes; empty where nobody asked for one. */
  readonly id: Uint8Array;

  /** @throws InvalidRequestError if a name has more than 65535 bytes */
  constructor(columns: readonly ColumnSpec[], id: Uint8Array = NO_ID) {
    this.columns = columns;
    this.id = id;
    const first = columns[0];
    const isGlobal =
      first !== undefined &&
      columns.every((column) => column.keyspace === first.keyspace && column.table === first.table);
    this.flags = isGlobal ? MetadataFlag.GlobalTable : 0;
    const out = new OutputBuffer(64 + 32 * columns.length);
    if (isGlobal) {
      out.string(first.keyspace);
      out.string(first.table);
    }
    for (const column of columns) {
      if (!isGlobal) {
        out.string(column.keyspace);
        out.string(column.table);
      }
      out.string(column.name);
      writeTypeOption(out, column.type);
    }
    this.encoded = out.toBytes();
  }
}

/** Metadata of what returns no rows and of statements without markers. */
export const NO_COLUMNS: ColumnMetadata = new ColumnMetadata([]);
