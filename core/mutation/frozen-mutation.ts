import { ByteWriter, readI32LE, readU16LE, readU32LE, writeI32LE } from '../bytes.ts';
import { RowBodyWriter } from './row-body.ts';

/**
 * Frozen mutation, format 1: a change of one partition, as bytes. The CQL binder writes it once; the same bytes go to the
 * log, the rings, peers and hints, and are decoded once, into a memtable (settled question 7). Little endian.
 *
 *   0   u8    format, 1
 *   1   u8    flags, 0
 *   2   u16   key length
 *   4   u32   schema version of the table that the column ids belong to
 *   8   16    table id
 *   24  i64   token of the key: low half, high half
 *   32  key
 *   parts, in any order, to the end
 *
 * Part:
 *   u8   kind             PartKind
 *   PartitionDeletion     i64 timestamp | u32 local deletion time
 *   StaticRow             u32 length | row body
 *   Row                   u32 length | clustering prefix | u32 length | row body
 *   RangeDeletion         i8 start weight | u32 length | start prefix | i8 end weight | u32 length | end prefix | i64 timestamp | u32 ldt
 *
 * Prefixes and weights are those of `core/schema/clustering-comparator.ts`, row bodies those of `row-body.ts`.
 * Version and golden vectors: docs/formats/mutation.md.
 */
export const PartKind = { PartitionDeletion: 1, StaticRow: 2, Row: 3, RangeDeletion: 4 } as const;

export const MUTATION_FORMAT = 1;
export const MUTATION_HEAD_BYTES = 32;

/** Fields at fixed places, for routing without decoding. `at` is where the mutation begins. */
export function mutationKeyLength(bytes: Uint8Array, at: number): number {
  return readU16LE(bytes, at + 2);
}
export function mutationSchemaVersion(bytes: Uint8Array, at: number): number {
  return readU32LE(bytes, at + 4);
}
export function mutationTokenLo(bytes: Uint8Array, at: number): number {
  return readI32LE(bytes, at + 24);
}
export function mutationTokenHi(bytes: Uint8Array, at: number): number {
  return readI32LE(bytes, at + 28);
}

/**
 * Writes frozen mutations, one after the other, at the end of `out`. Usage: begin, then any of partitionDeletion,
 * rangeDeletion, beginStaticRow / beginRow ... endRow with cells written to `row` between, then end.
 */
export class MutationWriter {
  readonly out: ByteWriter;
  /** Writes the body of the row that was begun. */
  readonly row: RowBodyWriter;
  #lengthAt = 0;

  constructor(out: ByteWriter = new ByteWriter(4096)) {
    this.out = out;
    this.row = new RowBodyWriter();
  }

  /** @param tableId 16 bytes, borrowed; @param key serialized partition key, at most 65535 bytes */
  begin(
    tableId: Uint8Array,
    schemaVersion: number,
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): void {
    const { out } = this;
    out.u8(MUTATION_FORMAT);
    out.u8(0);
    out.u16LE(keyEnd - keyStart);
    out.i32LE(schemaVersion);
    out.raw(tableId);
    out.i64LE(tokenHi, tokenLo);
    out.raw(key, keyStart, keyEnd);
  }

  partitionDeletion(hi: number, lo: number, localDeletionTime: number): void {
    this.out.u8(PartKind.PartitionDeletion);
    this.out.i64LE(hi, lo);
    this.out.i32LE(localDeletionTime);
  }

  rangeDeletion(
    startWeight: number,
    start: Uint8Array,
    endWeight: number,
    end: Uint8Array,
    hi: number,
    lo: number,
    localDeletionTime: number,
  ): void {
    const { out } = this;
    out.u8(PartKind.RangeDeletion);
    out.u8(startWeight);
    out.i32LE(start.length);
    out.raw(start);
    out.u8(endWeight);
    out.i32LE(end.length);
    out.raw(end);
    out.i64LE(hi, lo);
    out.i32LE(localDeletionTime);
  }

  beginStaticRow(): void {
    this.out.u8(PartKind.StaticRow);
    this.#lengthAt = this.out.length;
    this.out.i32LE(0);
    this.row.begin(this.out);
  }

  beginRow(clustering: Uint8Array, start: number, end: number): void {
    this.out.u8(PartKind.Row);
    this.out.i32LE(end - start);
    this.out.raw(clustering, start, end);
    this.#lengthAt = this.out.length;
    this.out.i32LE(0);
    this.row.begin(this.out);
  }

  /** Ends the row or static row. */
  endRow(): void {
    writeI32LE(this.out.bytes, this.#lengthAt, this.out.length - this.#lengthAt - 4);
  }
}

/**
 * Reads a frozen mutation part by part. One reader is used for many mutations; borrows `bytes`. Mutations from a log, ring
 * or peer go through `checkMutation` first, once; the reader itself checks nothing.
 */
export class MutationReader {
  bytes: Uint8Array = NOTHING;
  #pos = 0;
  #end = 0;
  schemaVersion = 0;
  /** Where the 16 bytes of the table id begin. */
  tableIdAt = 0;
  tokenHi = 0;
  tokenLo = 0;
  keyStart = 0;
  keyEnd = 0;

  /** PartKind of the current part. */
  kind = 0;
  /** Row: the clustering prefix. RangeDeletion: the start's prefix. */
  positionStart = 0;
  positionEnd = 0;
  startWeight = 0;
  /** RangeDeletion: the end's prefix. */
  endPositionStart = 0;
  endPositionEnd = 0;
  endWeight = 0;
  /** Row, StaticRow. */
  bodyStart = 0;
  bodyEnd = 0;
  /** PartitionDeletion, RangeDeletion. */
  deletionHi = 0;
  deletionLo = 0;
  deletionTime = 0;

  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.#end = end;
    this.schemaVersion = readU32LE(bytes, start + 4);
    this.tableIdAt = start + 8;
    this.tokenLo = readI32LE(bytes, start + 24);
    this.tokenHi = readI32LE(bytes, start + 28);
    this.keyStart = start + MUTATION_HEAD_BYTES;
    this.keyEnd = this.keyStart + readU16LE(bytes, start + 2);
    this.#pos = this.keyEnd;
  }

  /** Moves to the next part; false at the end. */
  next(): boolean {
    const { bytes } = this;
    let pos = this.#pos;
    if (pos >= this.#end) return false;
    this.kind = bytes[pos++]!;
    switch (this.kind) {
      case PartKind.PartitionDeletion:
        pos = this.#deletion(pos);
        break;
      case PartKind.StaticRow:
        this.positionStart = pos;
        this.positionEnd = pos;
        pos = this.#body(pos);
        break;
      case PartKind.Row:
        this.positionStart = pos + 4;
        this.positionEnd = this.positionStart + readU32LE(bytes, pos);
        pos = this.#body(this.positionEnd);
        break;
      default: // RangeDeletion: checkMutation lets nothing else pass
        this.startWeight = (bytes[pos]! << 24) >> 24;
        this.positionStart = pos + 5;
        this.positionEnd = this.positionStart + readU32LE(bytes, pos + 1);
        pos = this.positionEnd;
        this.endWeight = (bytes[pos]! << 24) >> 24;
        this.endPositionStart = pos + 5;
        this.endPositionEnd = this.endPositionStart + readU32LE(bytes, pos + 1);
        pos = this.#deletion(this.endPositionEnd);
    }
    this.#pos = pos;
    return true;
  }

  #body(pos: number): number {
    this.bodyStart = pos + 4;
    this.bodyEnd = this.bodyStart + readU32LE(this.bytes, pos);
    return this.bodyEnd;
  }

  #deletion(pos: number): number {
    this.deletionLo = readI32LE(this.bytes, pos);
    this.deletionHi = readI32LE(this.bytes, pos + 4);
    this.deletionTime = readU32LE(this.bytes, pos + 8);
    return pos + 12;
  }
}

const NOTHING = new Uint8Array(0);
