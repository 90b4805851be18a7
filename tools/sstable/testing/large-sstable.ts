import { ByteWriter } from '../../../core/bytes.ts';
import type { ColumnId, TableId } from '../../../core/ids.ts';
import { int64ToBigInt } from '../../../core/int64.ts';
import { RowBodyWriter } from '../../../core/mutation/row-body.ts';
import type { Files } from '../../../core/ports/files.ts';
import { FragmentKind, RowBatch } from '../../../core/read/row-batch.ts';
import { ColumnKind } from '../../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../../core/schema/table.ts';
import { Token, tokenOf } from '../../../core/token.ts';
import { intType } from '../../../core/types/int.ts';
import { textType } from '../../../core/types/text.ts';
import { SSTableWriter } from '../../../sstable/writer.ts';

const ROWS = 50;
/** The one partition that has this many times as many rows. */
const WIDE_FACTOR = 200;
const VALUE_BYTES = 1000;
const TIMESTAMP_HI = 0x611_cd;

/** A table of int keys and rows, with one text. */
export function largeTable(compression: Readonly<Record<string, string>>): TableDescriptor {
  const column = (id: number, name: string, kind: ColumnKind, type: typeof intType) => ({
    id: id as ColumnId,
    name,
    kind,
    position: 0,
    type,
    isReversed: false,
  });
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000002' as TableId,
    keyspace: 'ks',
    name: 'large',
    version: 1,
    columns: [
      column(0, 'a', ColumnKind.PartitionKey, intType),
      column(1, 'c', ColumnKind.Clustering, intType),
      column(2, 'v', ColumnKind.Regular, textType),
    ],
    droppedColumns: [],
    nextColumnId: 3,
    options: { ...DEFAULT_TABLE_OPTIONS, compression },
  });
}

/** Writes an SSTable with at least so many bytes of data, one partition much wider than the others. Returns the path of its Data.db. */
export function writeLarge(
  files: Files,
  directory: string,
  bytes: number,
  compression: Readonly<Record<string, string>>,
): string {
  const count = Math.ceil(bytes / (ROWS * VALUE_BYTES)) + 1;
  const token = new Token();
  const keys = Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(4);
    key.writeInt32BE(i);
    tokenOf(key, 0, 4, token);
    return { key, hi: token.hi, lo: token.lo, order: int64ToBigInt(token.hi, token.lo) };
  }).sort((x, y) => (x.order < y.order ? -1 : 1));
  const writer = new SSTableWriter(files, largeTable(compression), {
    directory,
    identifier: '1',
    expectedPartitions: count,
    base: { minTimestampHi: TIMESTAMP_HI, minTimestampLo: 0, minLocalDeletionTime: 0, minTtl: 0 },
  });
  const value = Buffer.alloc(VALUE_BYTES);
  let seed = 1;
  for (let i = 0; i < VALUE_BYTES; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    value[i] = 0x20 + ((seed >>> 16) % 90);
  }
  const position = Uint8Array.of(0, 4, 0, 0, 0, 0);
  const body = new ByteWriter(VALUE_BYTES + 64);
  const row = new RowBodyWriter();
  const batch = new RowBatch(4);
  for (const [p, { key, hi, lo }] of keys.entries()) {
    const start = (from: RowBatch) => from.addPartitionStart(hi, lo, key, 0, 4, -0x8000_0000, 0, 0);
    batch.clear();
    start(batch);
    writer.append(batch);
    const rows = p === count >> 1 ? ROWS * Math.min(WIDE_FACTOR, count) : ROWS;
    for (let c = 0; c < rows; c++) {
      Buffer.from(position.buffer).writeInt32BE(c, 2);
      value.writeUInt16BE(0x2020 + ((c * 31 + p) & 0x3f3f), (c * 7) % 900);
      body.clear();
      row.begin(body);
      row.liveness(TIMESTAMP_HI, c, 0, 0);
      row.cell(2, TIMESTAMP_HI, c, 0, 0, value, 0, VALUE_BYTES);
      batch.clear();
      batch.beginFragment(FragmentKind.Row, 0, position, 0, position.length);
      batch.writer.raw(body.bytes, 0, body.length);
      batch.endFragment();
      writer.append(batch);
    }
    batch.clear();
    batch.addPartitionEnd();
    writer.append(batch);
  }
  const info = writer.finish()!;
  writer.commit();
  return info.dataPath;
}
