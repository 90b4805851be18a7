import { readU16BE } from '../../core/bytes.ts';
import type { RowReader } from '../../core/mutation/row-body.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { encodeList, encodeTuple } from '../../core/types/collection-codec.ts';
import { TypeKind } from '../../core/types/cql-type.ts';

/** An element of a multi-cell column, in its order. */
export interface StoredElement {
  readonly path: Uint8Array;
  readonly value: Uint8Array;
}

/** The live elements of a multi-cell column. @param row opened on a live row; it is read from its first cell */
export function storedElements(row: RowReader, column: ColumnDescriptor): readonly StoredElement[] {
  const elements: StoredElement[] = [];
  row.rewind();
  while (row.next()) {
    if (row.columnId !== column.id) continue;
    elements.push({
      path: row.bytes.slice(row.pathStart, row.pathEnd),
      value: row.bytes.slice(row.valueStart, row.valueEnd),
    });
  }
  return elements;
}

/**
 * The value of a static or regular column in the protocol's form, collections put together from their cells; undefined is
 * null. For statements that read before they write: makes objects.
 * @param row opened on a live row; it is read from its first cell
 */
export function columnValue(row: RowReader, column: ColumnDescriptor): Uint8Array | undefined {
  const { type } = column;
  if (!type.isMultiCell) {
    row.rewind();
    while (row.next()) if (row.columnId === column.id) return row.bytes.slice(row.valueStart, row.valueEnd);
    return undefined;
  }
  const elements = storedElements(row, column);
  if (elements.length === 0) return undefined;
  switch (type.kind) {
    case TypeKind.List:
      return encodeList(elements.map(({ value }) => value));
    case TypeKind.Set:
      return encodeList(elements.map(({ path }) => path));
    case TypeKind.Map: {
      const bytes = encodeList(elements.flatMap(({ path, value }) => [path, value]));
      new DataView(bytes.buffer, bytes.byteOffset).setInt32(0, elements.length);
      return bytes;
    }
    default: {
      const fields: (Uint8Array | undefined)[] = type.parameters.map(() => undefined);
      for (const { path, value } of elements) {
        const field = readU16BE(path, 0);
        if (path.length === 2 && field < fields.length) fields[field] = value;
      }
      return encodeTuple(fields);
    }
  }
}
