import { describe, expect, test } from 'vitest';
import type { ColumnId, TableId } from '../core/ids.ts';
import { bigIntHi, bigIntLo } from '../core/int64.ts';
import { RowBodyWriter, RowReader } from '../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../core/read/row-batch.ts';
import { ALL_ROWS } from '../core/read/slice.ts';
import { ColumnKind, type DroppedColumn } from '../core/schema/column.ts';
import { TableDescriptor } from '../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../core/token.ts';
import { parseClassName } from '../core/types/parse-class-name.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SSTable } from './reader.ts';
import { isReadableAs } from './schema-header.ts';
import { drain } from './testing/content-lines.ts';
import { tableOptions } from './testing/random-partitions.ts';
import { SSTableWriter } from './writer.ts';

const MARSHAL = 'org.apache.cassandra.db.marshal.';
const type = (name: string) => parseClassName(name.replace(/[A-Z]\w+/g, (word) => MARSHAL + word));
const WHOLE = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

/** A table with key `k` and the given regular columns: name, id and type. */
function makeTable(columns: readonly (readonly [string, number, string])[], dropped: readonly DroppedColumn[] = []) {
  const regular = columns.map(([name, id, className], position) => ({
    id: id as ColumnId,
    name,
    kind: ColumnKind.Regular,
    position,
    type: type(className),
    isReversed: false,
  }));
  const key = { id: 0 as ColumnId, name: 'k', kind: ColumnKind.PartitionKey, position: 0, type: type('BytesType') };
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
    keyspace: 'ks',
    name: 't',
    version: 1,
    columns: [{ ...key, isReversed: false }, ...regular],
    droppedColumns: dropped,
    nextColumnId: 20,
    options: tableOptions({}),
  });
}

const dropped = (name: string, id: number, className: string, droppedAtUs: number): DroppedColumn => ({
  id: id as ColumnId,
  name,
  kind: ColumnKind.Regular,
  type: type(className),
  droppedAtUs,
});

/** Writes one row with a cell in each of `a` (timestamp 10) and `b` (timestamp 20), then reads it as another table. */
async function readAs(written: TableDescriptor, read: TableDescriptor): Promise<string[]> {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  const writer = new SSTableWriter(files, written, {
    directory: '/',
    identifier: '1',
    expectedPartitions: 1,
    base: { minTimestampHi: 0, minTimestampLo: 10, minLocalDeletionTime: 0, minTtl: 0 },
  });
  const batch = new RowBatch();
  const key = Uint8Array.of(1);
  const token = new Token();
  tokenOf(key, 0, 1, token);
  batch.addPartitionStart(token.hi, token.lo, key, 0, 1, -0x8000_0000, 0, 0);
  const row = new RowBodyWriter();
  batch.beginFragment(FragmentKind.Row, 0, key, 0, 0);
  row.begin(batch.writer);
  const value = Uint8Array.of(0, 0, 0, 7);
  for (const { id, name } of written.regulars.toSorted((x, y) => x.id - y.id)) {
    const us = name === 'a' ? 10n : 20n;
    row.cell(id, bigIntHi(us), bigIntLo(us), 0, 0, value, 0, 4);
  }
  batch.endFragment();
  batch.addPartitionEnd();
  writer.append(batch);
  const { dataPath } = writer.finish()!;
  writer.commit();
  const sstable = await SSTable.open(files, dataPath, { table: read });
  const cells: string[] = [];
  const reader = new RowReader();
  await drain(sstable.openScan(ALL_TOKENS, WHOLE), ({ kind, bytes, bodyStart, bodyEnd, count }) => {
    for (let i = 0; i < count; i++) {
      if (kind[i] !== FragmentKind.Row) continue;
      reader.open(bytes, bodyStart[i]!, bodyEnd[i]!);
      while (reader.next()) cells.push(`${reader.columnId}@${reader.timestampLo}`);
    }
  });
  sstable.close();
  return cells;
}

const WRITTEN = makeTable([
  ['a', 5, 'Int32Type'],
  ['b', 3, 'Int32Type'],
]);

describe('reading with a newer schema', () => {
  test.each([
    ['the same schema', WRITTEN, ['3@20', '5@10']],
    [
      'other ids, an added column',
      makeTable([
        ['a', 1, 'Int32Type'],
        ['aa', 2, 'UTF8Type'],
        ['b', 3, 'Int32Type'],
      ]),
      ['1@10', '3@20'],
    ],
    [
      'a wider type',
      makeTable([
        ['a', 5, 'IntegerType'],
        ['b', 3, 'BytesType'],
      ]),
      ['3@20', '5@10'],
    ],
    ['a dropped column', makeTable([['a', 5, 'Int32Type']], [dropped('b', 3, 'Int32Type', 100)]), ['5@10']],
    [
      'dropped before its cell was written, by its timestamp',
      makeTable([['a', 5, 'Int32Type']], [dropped('b', 3, 'Int32Type', 15)]),
      ['3@20', '5@10'],
    ],
    [
      'dropped and added again',
      makeTable(
        [
          ['a', 5, 'Int32Type'],
          ['b', 9, 'Int32Type'],
        ],
        [dropped('b', 3, 'Int32Type', 20)],
      ),
      ['5@10'],
    ],
    [
      'dropped and added again before the cell',
      makeTable(
        [
          ['a', 5, 'Int32Type'],
          ['b', 9, 'Int32Type'],
        ],
        [dropped('b', 3, 'Int32Type', 19)],
      ),
      ['5@10', '9@20'],
    ],
    [
      'multi-cell now',
      makeTable([
        ['a', 5, 'SetType(Int32Type)'],
        ['b', 3, 'Int32Type'],
      ]),
      ['3@20'],
    ],
  ] as const)('%s', async (_, table, expected) => {
    expect(await readAs(WRITTEN, table)).toEqual(expected);
  });

  test.each([
    ['an unknown column', makeTable([['a', 5, 'Int32Type']]), 'column b is unknown in ks.t'],
    [
      'a type that does not fit',
      makeTable([
        ['a', 5, 'UUIDType'],
        ['b', 3, 'Int32Type'],
      ]),
      'column a is int, not uuid',
    ],
  ] as const)('%s is refused', async (_, table, message) => {
    await expect(readAs(WRITTEN, table)).rejects.toThrow(message);
  });

  test.each([
    ['UTF8Type', 'AsciiType', true],
    ['AsciiType', 'UTF8Type', false],
    ['IntegerType', 'Int32Type', true],
    ['BytesType', 'CounterColumnType', false],
    ['LongType', 'TimestampType', true],
    ['UUIDType', 'TimeUUIDType', true],
    ['ListType(UTF8Type)', 'FrozenType(ListType(AsciiType))', true],
    ['TupleType(Int32Type,UTF8Type)', 'TupleType(Int32Type)', true],
    ['TupleType(Int32Type)', 'TupleType(Int32Type,UTF8Type)', false],
    ['VectorType(FloatType , 3)', 'VectorType(FloatType , 4)', false],
  ])('%s reads %s: %s', (schema, file, expected) => {
    expect(isReadableAs(type(file), type(schema))).toBe(expected);
  });
});
