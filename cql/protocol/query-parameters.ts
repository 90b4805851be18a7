import { readI32BE, readU16BE } from '../../core/bytes.ts';
import { InvalidRequestError, ProtocolError } from '../../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { Consistency, consistencyOf, serialConsistencyOf } from './consistency.ts';
import { truncatedFrame } from './value.ts';

/** Flags of QUERY, EXECUTE and BATCH in v3 and v4, where they are one byte (spec cql-protocol §6.1). */
export const QueryFlag = {
  Values: 0x01,
  SkipMetadata: 0x02,
  PageSize: 0x04,
  PagingState: 0x08,
  SerialConsistency: 0x10,
  Timestamp: 0x20,
  Names: 0x40,
  Keyspace: 0x80,
} as const;

/** In place of a length: the value is null. */
export const NULL_VALUE = -1;
/** In place of a length: the value was not set (v4 on). */
export const UNSET_VALUE = -2;

/** Values for which a record keeps room between requests; a larger one gives its arrays back. */
const VALUES_KEPT = 4096;
const FIRST_CAPACITY = 32;
const NO_NAMES = new Int32Array(0);

/** Positions and lengths of the values of one request, as columns, in an array that is used again. */
export class ValueRanges {
  count: number;
  /** Where each value begins; meaningless for null and unset ones. */
  starts: Int32Array;
  /** Bytes of each value, or NULL_VALUE, or UNSET_VALUE. */
  lengths: Int32Array;

  constructor() {
    this.count = 0;
    this.starts = new Int32Array(FIRST_CAPACITY);
    this.lengths = new Int32Array(FIRST_CAPACITY);
  }

  clear(): void {
    this.count = 0;
    if (this.starts.length > VALUES_KEPT) {
      this.starts = new Int32Array(FIRST_CAPACITY);
      this.lengths = new Int32Array(FIRST_CAPACITY);
    }
  }

  /** Makes room for `extra` more. */
  reserve(extra: number): void {
    const needed = this.count + extra;
    if (needed <= this.starts.length) return;
    const capacity = Math.max(needed, 2 * this.starts.length);
    const starts = new Int32Array(capacity);
    const lengths = new Int32Array(capacity);
    starts.set(this.starts);
    lengths.set(this.lengths);
    this.starts = starts;
    this.lengths = lengths;
  }

  /**
   * Reads `count` [value]s at `pos` and appends them.
   * @returns the position after them
   * @throws ProtocolError when the body ends early or a length is below -2 (v4 on)
   */
  read(bytes: Uint8Array, pos: number, end: number, version: number, count: number): number {
    if (count * 4 > end - pos) throw truncatedFrame(count * 4, end - pos);
    this.reserve(count);
    const { starts, lengths } = this;
    let at = pos;
    let index = this.count;
    const last = index + count;
    for (; index < last; index++) {
      if (end - at < 4) throw truncatedFrame(4, end - at);
      const length = readI32BE(bytes, at);
      at += 4;
      starts[index] = at;
      if (length >= 0) {
        if (length > end - at) throw truncatedFrame(length, end - at);
        lengths[index] = length;
        at += length;
      } else {
        lengths[index] = absentValue(length, version);
      }
    }
    this.count = last;
    return at;
  }
}

function absentValue(length: number, version: number): number {
  if (length === NULL_VALUE || version < 4) return NULL_VALUE;
  if (length === UNSET_VALUE) return UNSET_VALUE;
  throw new ProtocolError(`Invalid length ${length} of a value: -1 is null, -2 not set`, { length });
}

/**
 * The query parameters of a QUERY or EXECUTE: one record that is filled anew for each request and allocates nothing for
 * one of usual size. Positions are into the bytes that were decoded: they die with the frame.
 */
export class QueryParameters {
  consistency: Consistency;
  flags: number;
  readonly values: ValueRanges;
  /** True if each value came with a name; then `nameStarts`, `nameLengths` have `values.count` entries, checked as to length only. */
  hasNames: boolean;
  nameStarts: Int32Array;
  nameLengths: Int32Array;
  /** Rows of a page; 0 is no paging. */
  pageSize: number;
  /** The paging state, or -1 in both when there is none. */
  pagingStateStart: number;
  pagingStateEnd: number;
  serialConsistency: Consistency;
  /** True if the request gives a write timestamp, in microseconds, as halves. */
  hasTimestamp: boolean;
  timestampHi: number;
  timestampLo: number;

  constructor() {
    this.consistency = Consistency.One;
    this.flags = 0;
    this.values = new ValueRanges();
    this.hasNames = false;
    this.nameStarts = NO_NAMES;
    this.nameLengths = NO_NAMES;
    this.pageSize = 0;
    this.pagingStateStart = -1;
    this.pagingStateEnd = -1;
    this.serialConsistency = Consistency.Serial;
    this.hasTimestamp = false;
    this.timestampHi = 0;
    this.timestampLo = 0;
  }

  /** The client holds the result's metadata and asks to leave it out. */
  get skipsMetadata(): boolean {
    return (this.flags & QueryFlag.SkipMetadata) !== 0;
  }

  /**
   * Fills the record from bytes[pos, end).
   * @returns the position after the parameters: what follows belongs to an extension or is ignored
   * @throws ProtocolError for a body that contradicts the protocol
   * @throws InvalidRequestError for a timestamp or serial consistency out of bounds
   */
  decode(bytes: Uint8Array, pos: number, end: number, version: number): number {
    if (end - pos < 3) throw truncatedFrame(3, end - pos);
    this.consistency = consistencyOf(readU16BE(bytes, pos));
    const flags = bytes[pos + 2]!;
    this.flags = flags;
    this.values.clear();
    this.hasNames = false;
    this.pageSize = 0;
    this.pagingStateStart = -1;
    this.pagingStateEnd = -1;
    this.serialConsistency = Consistency.Serial;
    this.hasTimestamp = false;
    let at = pos + 3;
    if ((flags & QueryFlag.Values) !== 0) {
      if (end - at < 2) throw truncatedFrame(2, end - at);
      const count = readU16BE(bytes, at);
      at += 2;
      if ((flags & QueryFlag.Names) === 0) at = this.values.read(bytes, at, end, version, count);
      else at = this.#readNamed(bytes, at, end, version, count);
    }
    if ((flags & QueryFlag.PageSize) !== 0) {
      if (end - at < 4) throw truncatedFrame(4, end - at);
      const size = readI32BE(bytes, at);
      this.pageSize = size > 0 ? size : 0;
      at += 4;
    }
    if ((flags & QueryFlag.PagingState) !== 0) at = this.#readPagingState(bytes, at, end);
    return this.readTail(bytes, at, end);
  }

  /**
   * Reads the fields that BATCH has too: serial consistency and timestamp, as `flags` say.
   * @throws ProtocolError, InvalidRequestError as `decode`
   */
  readTail(bytes: Uint8Array, pos: number, end: number): number {
    const { flags } = this;
    let at = pos;
    if ((flags & QueryFlag.SerialConsistency) !== 0) {
      if (end - at < 2) throw truncatedFrame(2, end - at);
      this.serialConsistency = serialConsistencyOf(readU16BE(bytes, at));
      at += 2;
    }
    if ((flags & QueryFlag.Timestamp) !== 0) {
      if (end - at < 8) throw truncatedFrame(8, end - at);
      this.timestampHi = readI32BE(bytes, at);
      this.timestampLo = readI32BE(bytes, at + 4);
      this.hasTimestamp = true;
      at += 8;
      if (this.timestampHi === INT64_MIN_HI && this.timestampLo === INT64_MIN_LO) {
        throw new InvalidRequestError(
          'Out of bound timestamp, must be in [-9223372036854775807, 9223372036854775807] (got -9223372036854775808)',
        );
      }
    }
    // Ignoring the keyspace would run the statement in another one.
    if ((flags & QueryFlag.Keyspace) !== 0)
      throw new ProtocolError('Flag 0x80 (keyspace) needs protocol version 5', { flags });
    return at;
  }

  #readPagingState(bytes: Uint8Array, pos: number, end: number): number {
    if (end - pos < 4) throw truncatedFrame(4, end - pos);
    const length = readI32BE(bytes, pos);
    const at = pos + 4;
    if (length <= 0) return at; // null and empty both ask for the first page
    if (length > end - at) throw truncatedFrame(length, end - at);
    this.pagingStateStart = at;
    this.pagingStateEnd = at + length;
    return at + length;
  }

  #readNamed(bytes: Uint8Array, pos: number, end: number, version: number, count: number): number {
    if (count * 6 > end - pos) throw truncatedFrame(count * 6, end - pos);
    this.hasNames = true;
    if (this.nameStarts.length < count || this.nameStarts.length > VALUES_KEPT) {
      this.nameStarts = new Int32Array(Math.max(count, FIRST_CAPACITY));
      this.nameLengths = new Int32Array(Math.max(count, FIRST_CAPACITY));
    }
    let at = pos;
    for (let i = 0; i < count; i++) {
      if (end - at < 2) throw truncatedFrame(2, end - at);
      const length = readU16BE(bytes, at);
      at += 2;
      if (length > end - at) throw truncatedFrame(length, end - at);
      this.nameStarts[i] = at;
      this.nameLengths[i] = length;
      at = this.values.read(bytes, at + length, end, version, 1);
    }
    return at;
  }
}
