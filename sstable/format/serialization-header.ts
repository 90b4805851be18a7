import type { ByteCursor, ByteWriter } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { Int64Halves, readUnsignedVint, readVint64, writeUnsignedVint, writeVint64 } from '../../core/vint.ts';
import { readVintText, writeVintText } from './fields.ts';

/**
 * Serialization header, component 3 of Statistics.db: the schema that Data.db was written with.
 *
 *   uvint  min timestamp - 1442880000000000       2015-09-22, wrapping 64 bits
 *   uvint  min local deletion time - 1442880000   wrapping 32 bits, sign-extended
 *   uvint  min ttl
 *   vbytes partition key type                     CompositeType(...) for several columns
 *   uvint  clustering columns; each: vbytes type
 *   uvint  static columns; each: vbytes name, vbytes type
 *   uvint  regular columns; each: vbytes name, vbytes type
 *
 * The three minima are the bases that every delta in Data.db adds to. Rows hold the simple columns of the list first,
 * then the multi-cell ones. Types are Cassandra's class names.
 * @see Cassandra `SerializationHeader.Component`
 */
export interface SerializationHeader {
  readonly minTimestampHi: number;
  readonly minTimestampLo: number;
  /** Low 32 bits. */
  readonly minLocalDeletionTime: number;
  readonly minTtl: number;
  readonly partitionKeyType: string;
  readonly clusteringTypes: readonly string[];
  readonly statics: readonly HeaderColumn[];
  readonly regulars: readonly HeaderColumn[];
}

export interface HeaderColumn {
  readonly name: string;
  readonly typeName: string;
}

/** Bases of a file without any timestamp, deletion or TTL: 1442880000000000 = EPOCH_HI * 2^32 + EPOCH_LO. */
export const TIMESTAMP_EPOCH_HI: number = Math.floor(1_442_880_000_000_000 / 0x1_0000_0000);
export const TIMESTAMP_EPOCH_LO: number = 1_442_880_000_000_000 | 0;
export const DELETION_TIME_EPOCH = 1_442_880_000;

/** More are refused: group 0 numbers columns with 16 bits. */
const MAX_COLUMNS = 65_536;

export function encodeSerializationHeader(header: SerializationHeader, out: ByteWriter): void {
  const lo = (header.minTimestampLo - TIMESTAMP_EPOCH_LO) | 0;
  const borrow = header.minTimestampLo >>> 0 < TIMESTAMP_EPOCH_LO >>> 0 ? 1 : 0;
  writeVint64(out, (header.minTimestampHi - TIMESTAMP_EPOCH_HI - borrow) | 0, lo);
  const time = (header.minLocalDeletionTime - DELETION_TIME_EPOCH) | 0;
  writeVint64(out, time >> 31, time);
  writeVint64(out, header.minTtl >> 31, header.minTtl);
  writeVintText(out, header.partitionKeyType);
  writeUnsignedVint(out, header.clusteringTypes.length);
  for (const type of header.clusteringTypes) writeVintText(out, type);
  for (const columns of [header.statics, header.regulars]) {
    writeUnsignedVint(out, columns.length);
    for (const column of columns) {
      writeVintText(out, column.name);
      writeVintText(out, column.typeName);
    }
  }
}

/** @throws CorruptFileError */
export function decodeSerializationHeader(cursor: ByteCursor): SerializationHeader {
  const halves = new Int64Halves();
  readVint64(cursor, halves);
  const minTimestampLo = (halves.lo + TIMESTAMP_EPOCH_LO) | 0;
  const carry = minTimestampLo >>> 0 < TIMESTAMP_EPOCH_LO >>> 0 ? 1 : 0;
  const minTimestampHi = (halves.hi + TIMESTAMP_EPOCH_HI + carry) | 0;
  readVint64(cursor, halves);
  const minLocalDeletionTime = (halves.lo + DELETION_TIME_EPOCH) | 0;
  readVint64(cursor, halves);
  const minTtl = halves.lo;
  const partitionKeyType = readVintText(cursor);
  const clusteringTypes: string[] = [];
  for (let i = readCount(cursor); i > 0; i--) clusteringTypes.push(readVintText(cursor));
  const columns = (): HeaderColumn[] => {
    const list: HeaderColumn[] = [];
    for (let i = readCount(cursor); i > 0; i--) {
      const name = readVintText(cursor);
      list.push({ name, typeName: readVintText(cursor) });
    }
    return list;
  };
  const statics = columns();
  return {
    minTimestampHi,
    minTimestampLo,
    minLocalDeletionTime,
    minTtl,
    partitionKeyType,
    clusteringTypes,
    statics,
    regulars: columns(),
  };
}

function readCount(cursor: ByteCursor): number {
  const at = cursor.pos;
  const count = readUnsignedVint(cursor);
  if (count > MAX_COLUMNS || count > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `${count} columns`);
  }
  return count;
}
