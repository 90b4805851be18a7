import { describe, expect, test } from 'vitest';
import { ByteWriter, readI32BE } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { CounterMerger } from '../../core/mutation/counter-cell.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { counterType, intType } from '../../core/types/int.ts';
import { textType } from '../../core/types/text.ts';
import { udtType } from '../../core/types/udt.ts';
import { SelectLayout } from './select-layout.ts';
import { SelectRow } from './select-row.ts';

const user = udtType({ keyspace: 'ks', name: 'u', fieldNames: ['a', 'b', 'c'] }, [intType, textType, intType]);
const column = (id: number, name: string, kind: ColumnKind, position: number, type: CqlType): ColumnDescriptor => ({
  id: id as ColumnId,
  name,
  kind,
  position,
  type,
  isReversed: false,
});
const table = new TableDescriptor({
  id: '6b1f2f60-5c1b-11ee-8c99-0242ac120002' as TableId,
  keyspace: 'ks',
  name: 't',
  version: 1,
  columns: [
    column(0, 'p', ColumnKind.PartitionKey, 0, intType),
    column(1, 'q', ColumnKind.PartitionKey, 1, textType),
    column(2, 'c', ColumnKind.Clustering, 0, intType),
    column(3, 'd', ColumnKind.Clustering, 1, intType),
    column(4, 's', ColumnKind.Static, 0, intType),
    column(5, 'n', ColumnKind.Regular, 0, counterType),
    column(6, 'u', ColumnKind.Regular, 1, user),
    column(7, 'v', ColumnKind.Regular, 2, textType),
  ],
  droppedColumns: [],
  nextColumnId: 8,
  options: DEFAULT_TABLE_OPTIONS,
});
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const KEY = bytes('0004000000070000016100'); // (7, 'a')

function loaded(names: readonly string[], write: (body: RowBodyWriter) => void, prefix: Uint8Array): string[] {
  const layout = new SelectLayout(table);
  const slots = names.map((name) => layout.need(table.column(name)!));
  const row = new SelectRow(layout);
  const out = new ByteWriter();
  const body = new RowBodyWriter();
  out.raw(prefix);
  body.begin(out);
  write(body);
  row.loadKey(KEY, 0, KEY.length);
  row.load(out.bytes, 0, prefix.length, prefix.length, out.length);
  return slots.map((slot) => {
    const cell = new ByteWriter();
    row.write(slot, cell);
    const length = readI32BE(cell.bytes, 0);
    expect(cell.length).toBe(4 + Math.max(0, length));
    return length < 0 ? 'null' : Buffer.from(cell.bytes.subarray(4, cell.length)).toString('hex');
  });
}

describe('a row of a SELECT', () => {
  const prefix = clusteringPrefix([bytes('00000001'), bytes('00000002')]);

  test('takes key columns out of key and prefix, in any order', () => {
    expect(loaded(['d', 'q', 'c', 'p', 'v'], () => undefined, prefix)).toEqual([
      '00000002',
      '61',
      '00000001',
      '00000007',
      'null',
    ]);
    expect(loaded(['q'], () => undefined, prefix)).toEqual(['61']);
  });

  test('has nulls for clustering values that a shorter prefix leaves out', () => {
    expect(loaded(['c', 'd'], () => undefined, clusteringPrefix([bytes('00000001')]))).toEqual(['00000001', 'null']);
  });

  test('adds the shards of a counter', () => {
    const merger = new CounterMerger();
    const shard = (id: string, count: string) => bytes(`00018000${id.repeat(16)}0000000000000001${count}`);
    for (const value of [
      shard('01', 'ffffffffffffffff'),
      shard('02', '00000001ffffffff'),
      shard('03', '0000000000000003'),
    ]) {
      merger.add(value, 0, value.length);
    }
    const value = new ByteWriter();
    merger.write(value);
    const write = (body: RowBodyWriter) => body.cell(5, 0, 1, 0, 0, value.bytes, 0, value.length);
    expect(loaded(['n'], write, prefix)).toEqual(['0000000200000001']);
  });

  test('puts the fields of a user type in their places and passes over those it does not know', () => {
    const write = (body: RowBodyWriter) => {
      for (const [path, value] of [
        ['0001', '62'],
        ['0002', '00000009'],
        ['0005', 'ff'],
      ] as const) {
        body.element(6, 0, 1, 0, 0, bytes(path), 0, 2, bytes(value), 0, value.length / 2);
      }
    };
    expect(loaded(['u', 'v'], write, prefix)).toEqual(['ffffffff00000001620000000400000009', 'null']);
  });

  test('keeps what it copied when the other goes on', () => {
    const layout = new SelectLayout(table);
    const slot = layout.need(table.column('v')!);
    const [one, two] = [new SelectRow(layout), new SelectRow(layout)];
    const out = new ByteWriter();
    const body = new RowBodyWriter();
    body.begin(out);
    body.cell(7, 0, 1, 0, 0, bytes('6162'), 0, 2);
    one.loadKey(KEY, 0, KEY.length);
    one.load(out.bytes, 0, 0, 0, out.length);
    two.copyFrom(one);
    out.bytes.fill(0);
    const cell = new ByteWriter();
    two.write(slot, cell);
    expect(Buffer.from(cell.toBytes()).toString('hex')).toBe('000000026162');
    expect(two.key.toBytes()).toEqual(KEY);
    two.loadNothing();
    cell.clear();
    two.write(slot, cell);
    expect(readI32BE(cell.bytes, 0)).toBe(-1);
  });
});
