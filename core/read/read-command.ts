import { type ByteWriter, readU16LE, readU32LE } from '../bytes.ts';
import { ProtocolError } from '../errors.ts';
import type { TableId } from '../ids.ts';
import { compareInt64 } from '../int64.ts';
import { checkPartitionKey } from '../partition-key.ts';
import { clusteringValueCount } from '../schema/clustering-prefix.ts';
import type { TableDescriptor } from '../schema/table.ts';
import { uuidText, writeUuid } from '../uuid-bytes.ts';
import type { ClusteringSlice, PartitionSlice, TokenRange } from './slice.ts';

/**
 * A read as it travels to the shard or node that serves it, format 1. Little endian.
 *
 *   0   u8    format, 1
 *   1   u8    kind                 ReadKind
 *   2   u8    flags                1 reversed, 2 rows wanted, 4 statics wanted, 8 resumed
 *   3   u8    0
 *   4   16    table id
 *   20  u32   schema version of the table
 *   24  u32   now, seconds since 1970
 *   28  u32   row limit
 *   32  u32   partition limit
 *   36  u32   row limit per partition
 *   40  u32   page bytes
 *   44  u32   number of slices, at least 1; each: i8 start weight | u32 length | start | i8 end weight | u32 length | end
 *   [i8 weight | u32 rows taken | u32 length | position]            resumed
 *   Partitions: u32 count, at least 1; each: i64 token | u16 length | key
 *   Range: i64 start | i64 end | u8 flags: 1 start inclusive, 2 end inclusive, 4 with start key | [u16 length | start key]
 */
export const ReadKind = { Partitions: 1, Range: 2 } as const;
export type ReadKind = (typeof ReadKind)[keyof typeof ReadKind];

export const READ_COMMAND_FORMAT = 1;
/** A limit that does not limit. */
export const NO_LIMIT = 0xffff_ffff;

/** A partition by its serialized key. */
export interface PartitionRef {
  readonly tokenHi: number;
  readonly tokenLo: number;
  readonly key: Uint8Array;
}

/**
 * Where a page goes on within the first partition: only rows after this position, in the direction of the read. The
 * partition's static row comes again.
 */
export interface ReadResume {
  /** Prefix bytes of the last row delivered. */
  readonly position: Uint8Array;
  /** 0 after the row itself; -1 and +1 as in `ClusteringComparator`. */
  readonly weight: number;
  /** Rows of that partition delivered so far: they count for the limit per partition. */
  readonly rowsTaken: number;
}

/** What a read wants, as plain data: made by the CQL binder once per page, carried out by `openRead` at the replica. */
export interface ReadCommand {
  readonly kind: ReadKind;
  readonly tableId: TableId;
  readonly schemaVersion: number;
  /** ReadKind.Partitions: these, in the order the answer has them. Else empty. */
  readonly partitions: readonly PartitionRef[];
  /** ReadKind.Range: the scan's bounds. Else undefined. */
  readonly range: TokenRange | undefined;
  readonly slice: PartitionSlice;
  /** Set when the first partition (of the list; of the range, whose start key it is) was begun by an earlier page. */
  readonly resume: ReadResume | undefined;
  /** Live rows of the page, at least 1; NO_LIMIT for all. */
  readonly rowLimit: number;
  /** Partitions that the page begins, not counting the resumed one. */
  readonly partitionLimit: number;
  readonly perPartitionRowLimit: number;
  /** A page ends after the row that passes this many bytes. */
  readonly pageBytes: number;
  /** The coordinator's clock in seconds: what has expired at it is not seen. */
  readonly nowSeconds: number;
}

const REVERSED = 1;
const WANTS_ROWS = 2;
const WANTS_STATICS = 4;
const RESUMED = 8;
const START_INCLUSIVE = 1;
const END_INCLUSIVE = 2;
const WITH_START_KEY = 4;
const HEAD_BYTES = 48;

/** Appends the encoded command. */
export function encodeReadCommand(command: ReadCommand, out: ByteWriter): void {
  const { slice, resume, range } = command;
  out.u8(READ_COMMAND_FORMAT);
  out.u8(command.kind);
  out.u8(
    (slice.isReversed ? REVERSED : 0) |
      (slice.wantsRows ? WANTS_ROWS : 0) |
      (slice.wantsStatics ? WANTS_STATICS : 0) |
      (resume === undefined ? 0 : RESUMED),
  );
  out.u8(0);
  const at = out.reserve(16);
  writeUuid(command.tableId, out.bytes, at);
  out.length = at + 16;
  out.i32LE(command.schemaVersion);
  out.i32LE(command.nowSeconds);
  out.i32LE(command.rowLimit);
  out.i32LE(command.partitionLimit);
  out.i32LE(command.perPartitionRowLimit);
  out.i32LE(command.pageBytes);
  out.i32LE(slice.slices.length);
  for (const { start, startWeight, end, endWeight } of slice.slices) {
    writePosition(out, start, startWeight);
    writePosition(out, end, endWeight);
  }
  if (resume !== undefined) {
    out.u8(resume.weight);
    out.i32LE(resume.rowsTaken);
    out.i32LE(resume.position.length);
    out.raw(resume.position);
  }
  if (range === undefined) {
    out.i32LE(command.partitions.length);
    for (const { tokenHi, tokenLo, key } of command.partitions) {
      out.i64LE(tokenHi, tokenLo);
      out.u16LE(key.length);
      out.raw(key);
    }
  } else {
    out.i64LE(range.startHi, range.startLo);
    out.i64LE(range.endHi, range.endLo);
    const { startKey } = range;
    out.u8(
      (range.startInclusive ? START_INCLUSIVE : 0) |
        (range.endInclusive ? END_INCLUSIVE : 0) |
        (startKey === undefined ? 0 : WITH_START_KEY),
    );
    if (startKey !== undefined) {
      out.u16LE(startKey.length);
      out.raw(startKey);
    }
  }
}

function writePosition(out: ByteWriter, prefix: Uint8Array, weight: number): void {
  out.u8(weight);
  out.i32LE(prefix.length);
  out.raw(prefix);
}

/**
 * Decodes a command that fills bytes[start, end). Copies what it keeps.
 * @throws ProtocolError when the bytes are no command; what they say is judged by `checkReadCommand`
 */
export function decodeReadCommand(bytes: Uint8Array, start: number, end: number): ReadCommand {
  const input = new Input(bytes, start, end);
  input.need(HEAD_BYTES);
  if (bytes[start] !== READ_COMMAND_FORMAT) throw new ProtocolError(`read command of format ${bytes[start]!}`);
  const kind = bytes[start + 1]!;
  if (kind !== ReadKind.Partitions && kind !== ReadKind.Range) throw new ProtocolError(`read command of kind ${kind}`);
  const flags = bytes[start + 2]!;
  if (flags > 15 || bytes[start + 3] !== 0) throw new ProtocolError('read command with unknown flags');
  input.pos = start + 20;
  const schemaVersion = input.u32();
  const nowSeconds = input.u32();
  const rowLimit = input.u32();
  const partitionLimit = input.u32();
  const perPartitionRowLimit = input.u32();
  const pageBytes = input.u32();
  const slices: ClusteringSlice[] = [];
  for (let left = input.count(10); left > 0; left--) {
    const startWeight = input.weight();
    const sliceStart = input.bytesOf(input.u32());
    const endWeight = input.weight();
    const sliceEnd = input.bytesOf(input.u32());
    if (startWeight === 0 || endWeight === 0) throw new ProtocolError('slice bound of weight 0 in a read command');
    slices.push({ start: sliceStart, startWeight, end: sliceEnd, endWeight });
  }
  let resume: ReadResume | undefined;
  if ((flags & RESUMED) !== 0) {
    const weight = input.weight();
    const rowsTaken = input.u32();
    resume = { position: input.bytesOf(input.u32()), weight, rowsTaken };
  }
  const partitions: PartitionRef[] = [];
  let range: TokenRange | undefined;
  if (kind === ReadKind.Partitions) {
    for (let left = input.count(10); left > 0; left--) {
      const tokenLo = input.i32();
      const tokenHi = input.i32();
      partitions.push({ tokenHi, tokenLo, key: input.bytesOf(input.u16()) });
    }
  } else {
    range = input.range();
  }
  if (input.pos !== end) throw new ProtocolError('bytes after the end of a read command');
  return {
    kind,
    tableId: uuidText(bytes, start + 4) as TableId,
    schemaVersion,
    partitions,
    range,
    slice: {
      slices,
      isReversed: (flags & REVERSED) !== 0,
      wantsRows: (flags & WANTS_ROWS) !== 0,
      wantsStatics: (flags & WANTS_STATICS) !== 0,
    },
    resume,
    rowLimit,
    partitionLimit,
    perPartitionRowLimit,
    pageBytes,
    nowSeconds,
  };
}

/**
 * Why a decoded command cannot be carried out on the table, or undefined when it can. Without this check a hostile position
 * could have more values than the table has clustering columns.
 */
export function checkReadCommand(command: ReadCommand, table: TableDescriptor): string | undefined {
  if (command.rowLimit === 0 || command.partitionLimit === 0 || command.perPartitionRowLimit === 0) return 'limit of 0';
  const { comparator } = table;
  const columns = table.clustering.length;
  let before: ClusteringSlice | undefined;
  for (const slice of command.slice.slices) {
    const { start, startWeight, end, endWeight } = slice;
    if (!isPrefix(start, columns) || !isPrefix(end, columns)) return 'slice bound is no clustering prefix of the table';
    if (comparator.compare(start, 0, start.length, startWeight, end, 0, end.length, endWeight) > 0) {
      return 'slice ends before it starts';
    }
    if (before !== undefined) {
      const { end: last, endWeight: lastWeight } = before;
      if (comparator.compare(last, 0, last.length, lastWeight, start, 0, start.length, startWeight) >= 0) {
        return 'slices out of order';
      }
    }
    before = slice;
  }
  if (command.resume !== undefined && !isPrefix(command.resume.position, columns)) {
    return 'page position is no clustering prefix of the table';
  }
  for (const { key } of command.partitions) {
    const problem = checkPartitionKey(key, 0, key.length, table.partitionKey.length);
    if (problem !== undefined) return problem;
  }
  const { range } = command;
  if (range !== undefined) {
    if (compareInt64(range.startHi, range.startLo, range.endHi, range.endLo) > 0)
      return 'token range ends before it starts';
    if (command.resume !== undefined && range.startKey === undefined) return 'resumed scan without a partition';
  }
  return undefined;
}

function isPrefix(bytes: Uint8Array, columns: number): boolean {
  const count = clusteringValueCount(bytes, 0, bytes.length);
  return count >= 0 && count <= columns;
}

/** Reads with bounds checks: commands come from peers. */
class Input {
  readonly bytes: Uint8Array;
  pos: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  need(count: number): void {
    if (this.end - this.pos < count) throw new ProtocolError('read command cut short');
  }
  u32(): number {
    this.need(4);
    this.pos += 4;
    return readU32LE(this.bytes, this.pos - 4);
  }
  i32(): number {
    return this.u32() | 0;
  }
  u16(): number {
    this.need(2);
    this.pos += 2;
    return readU16LE(this.bytes, this.pos - 2);
  }
  u8(): number {
    this.need(1);
    return this.bytes[this.pos++]!;
  }
  weight(): number {
    const weight = (this.u8() << 24) >> 24;
    if (weight < -1 || weight > 1) throw new ProtocolError(`weight ${weight} in a read command`);
    return weight;
  }
  bytesOf(length: number): Uint8Array {
    this.need(length);
    this.pos += length;
    return this.bytes.slice(this.pos - length, this.pos);
  }
  /** A count of things that take at least so many bytes each: never more than could be there. */
  count(leastBytes: number): number {
    const count = this.u32();
    if (count === 0) throw new ProtocolError('empty list in a read command');
    if (count > (this.end - this.pos) / leastBytes) throw new ProtocolError('read command cut short');
    return count;
  }
  range(): TokenRange {
    const startLo = this.i32();
    const startHi = this.i32();
    const endLo = this.i32();
    const endHi = this.i32();
    const flags = this.u8();
    if (flags > 7) throw new ProtocolError('token range with unknown flags in a read command');
    return {
      startHi,
      startLo,
      startKey: (flags & WITH_START_KEY) === 0 ? undefined : this.bytesOf(this.u16()),
      startInclusive: (flags & START_INCLUSIVE) !== 0,
      endHi,
      endLo,
      endInclusive: (flags & END_INCLUSIVE) !== 0,
    };
  }
}
