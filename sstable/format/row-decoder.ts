import { ByteWriter, readU16BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME, RowBodyWriter } from '../../core/mutation/row-body.ts';
import { Int64Halves } from '../../core/vint.ts';
import type { ClusteringCodec } from './clustering.ts';
import { BITMAP_COLUMNS, BoundKind, ExtendedFlag, FileCellFlag, kindWeight, UnfilteredFlag } from './data.ts';
import { deletionTimeFromFile, expiryFromFile } from './deletion-time.ts';
import type { SerializationHeader } from './serialization-header.ts';
import type { VersionFeatures } from './version.ts';
import { VintScanner } from './vint-scanner.ts';

/** Static or regular columns of a file in the order in which rows hold them, and what becomes of each. */
export class ReadColumns {
  readonly count: number;
  /** Column ids; -1: cells are parsed and thrown away. */
  readonly ids: Int32Array;
  /** Bytes of every value, or -1; multi-cell columns always -1. */
  readonly fixedLengths: Int32Array;
  readonly isMultiCell: Uint8Array;
  /** Cells with timestamps up to this one are thrown away: the column, or one of its name, was dropped then. (-2^63): none. */
  readonly cutoffHi: Int32Array;
  readonly cutoffLo: Int32Array;
  /** Places of kept columns in the order of their ids; undefined when the file has them in that order. */
  readonly byId: Int32Array | undefined;

  constructor(columns: readonly ReadColumn[]) {
    this.count = columns.length;
    this.ids = Int32Array.from(columns, (column) => column.id);
    this.fixedLengths = Int32Array.from(columns, (column) => (column.isMultiCell ? -1 : column.fixedLength));
    this.isMultiCell = Uint8Array.from(columns, (column) => (column.isMultiCell ? 1 : 0));
    this.cutoffHi = Int32Array.from(columns, (column) => column.cutoffHi);
    this.cutoffLo = Int32Array.from(columns, (column) => column.cutoffLo);
    const kept = columns.flatMap((column, i) => (column.id < 0 ? [] : [{ i, id: column.id }]));
    const sorted = kept.toSorted((a, b) => a.id - b.id);
    const inOrder = sorted.every((column, i) => column === kept[i]);
    this.byId = inOrder ? undefined : Int32Array.from(sorted, (column) => column.i);
  }
}

export interface ReadColumn {
  readonly id: number;
  readonly fixedLength: number;
  readonly isMultiCell: boolean;
  readonly cutoffHi: number;
  readonly cutoffLo: number;
}

/** What stands at the head of the next unfiltered. */
export const Head = { NeedsMore: 0, Row: 1, StaticRow: 2, Marker: 3, End: 4 } as const;
export type Head = (typeof Head)[keyof typeof Head];

/**
 * Decodes rows and markers of Data.db from a window of its bytes: `readHead` first, which says what is there and whether
 * all of it is, then `readRow` or `readMarker`. One per cursor, used again; nothing is allocated per row.
 *
 * Every length is checked against the row's body and the body against the file, so that no bytes can lead outside them.
 */
export class RowDecoder {
  /** Clustering prefix and weight of the last head. */
  readonly position: ByteWriter = new ByteWriter(256);
  weight = 0;
  /** The last head was a row's or marker's, which have a position. */
  isClustered = false;
  /** Where the unfiltered of the last head ends. */
  unfilteredEnd = 0;
  /** Bytes from the unfiltered's start that must be there at least; after NeedsMore. */
  neededBytes = 0;
  /** The marker's deletion that ends and the one that begins, (-2^63) for none. */
  closedHi: number = INT64_MIN_HI;
  closedLo: number = INT64_MIN_LO;
  closedTime: number = NO_DELETION_TIME;
  openedHi: number = INT64_MIN_HI;
  openedLo: number = INT64_MIN_LO;
  openedTime: number = NO_DELETION_TIME;

  readonly #path: string;
  readonly #dataBytes: number;
  readonly #statics: ReadColumns;
  readonly #regulars: ReadColumns;
  readonly #codec: ClusteringCodec;
  readonly #unsigned: boolean;
  readonly #raw: boolean;
  readonly #baseTimestampHi: number;
  readonly #baseTimestampLo: number;
  readonly #baseTime: number;
  readonly #baseTtl: number;
  readonly #scanner: VintScanner = new VintScanner();
  readonly #halves: Int64Halves = new Int64Halves();
  readonly #row: RowBodyWriter = new RowBodyWriter();
  /** Body of a row whose columns must be put in the order of their ids. */
  readonly #scratch: ByteWriter = new ByteWriter(1024);
  readonly #isPresent: Uint8Array;
  readonly #columnStart: Int32Array;
  readonly #columnEnd: Int32Array;

  // The row at hand.
  #bytes: Uint8Array = EMPTY;
  #base = 0;
  #p = 0;
  #end = 0;
  #flags = 0;
  #extended = 0;
  #kind = 0;
  #bodyStart = 0;
  #timestampHi = 0;
  #timestampLo = 0;
  #time = 0;
  #rowTimestampHi = 0;
  #rowTimestampLo = 0;
  #rowTtl = 0;
  #rowExpiry = 0;

  /**
   * @param dataBytes uncompressed size of the file
   * @param raw times as they are in the file, and rows of nothing too: for dumps
   */
  constructor(
    path: string,
    dataBytes: number,
    version: VersionFeatures,
    header: SerializationHeader,
    codec: ClusteringCodec,
    statics: ReadColumns,
    regulars: ReadColumns,
    raw: boolean,
  ) {
    this.#path = path;
    this.#dataBytes = dataBytes;
    this.#statics = statics;
    this.#regulars = regulars;
    this.#codec = codec;
    this.#unsigned = version.hasUnsignedDeletionTime;
    this.#raw = raw;
    this.#baseTimestampHi = header.minTimestampHi;
    this.#baseTimestampLo = header.minTimestampLo;
    this.#baseTime = header.minLocalDeletionTime;
    this.#baseTtl = header.minTtl;
    const most = Math.max(statics.count, regulars.count);
    this.#isPresent = new Uint8Array(most);
    this.#columnStart = new Int32Array(most);
    this.#columnEnd = new Int32Array(most);
  }

  /**
   * Looks at the unfiltered at bytes[pos].
   * @param base file position of bytes[0]
   * @throws CorruptFileError
   */
  readHead(bytes: Uint8Array, pos: number, end: number, base: number): Head {
    this.neededBytes = 1;
    if (pos >= end) return Head.NeedsMore;
    const flags = bytes[pos]!;
    this.#bytes = bytes;
    this.#base = base;
    this.#flags = flags;
    this.#extended = 0;
    this.position.clear();
    this.weight = 0;
    this.isClustered = false;
    if ((flags & UnfilteredFlag.EndOfPartition) !== 0) {
      if (flags !== UnfilteredFlag.EndOfPartition) this.#corrupt(pos, `flags ${flags} beside the end of a partition`);
      this.unfilteredEnd = pos + 1;
      return Head.End;
    }
    let p = pos + 1;
    let count = this.#codec.columnCount;
    let head: Head = Head.Row;
    if ((flags & UnfilteredFlag.IsMarker) !== 0) {
      if (flags !== UnfilteredFlag.IsMarker) this.#corrupt(pos, `flags ${flags} of a range tombstone marker`);
      if (end - p < 3) return Head.NeedsMore;
      head = Head.Marker;
      const kind = bytes[p]!;
      count = readU16BE(bytes, p + 1);
      if (kind > BoundKind.ExclStart || kind === BoundKind.StaticClustering || kind === BoundKind.Clustering) {
        this.#corrupt(p, `range tombstone marker of kind ${kind}`);
      }
      if (count > this.#codec.columnCount) this.#corrupt(p, `range tombstone marker with ${count} clustering values`);
      this.#kind = kind;
      this.weight = kindWeight(kind);
      p += 3;
    } else if ((flags & UnfilteredFlag.Extended) !== 0) {
      if (p >= end) return Head.NeedsMore;
      const extended = bytes[p++]!;
      if ((extended & ~KNOWN_EXTENDED) !== 0) this.#corrupt(p - 1, `extended flags ${extended}`);
      this.#extended = extended;
      if ((extended & ExtendedFlag.IsStatic) !== 0) head = Head.StaticRow;
    }
    this.isClustered = head !== Head.StaticRow;
    if (this.isClustered && count > 0) {
      if (!this.#codec.decode(bytes, p, end, count, this.position, this.#path, base)) return Head.NeedsMore;
      p = this.#codec.at;
    }
    const bodyBytes = this.#scanner.scan(bytes, p, end);
    if (bodyBytes < 0) return Head.NeedsMore;
    p = this.#scanner.at;
    if (bodyBytes > this.#dataBytes - base - p) this.#corrupt(p, `row of ${bodyBytes} bytes`);
    this.#bodyStart = p;
    this.unfilteredEnd = p + bodyBytes;
    this.neededBytes = this.unfilteredEnd - pos;
    return this.unfilteredEnd > end ? Head.NeedsMore : head;
  }

  /**
   * After a head of Row or StaticRow: appends the row body to `out`.
   * @returns false when nothing was in it, or nothing that is kept; `out` then holds bytes to be given back
   * @throws CorruptFileError
   */
  readRow(out: ByteWriter): boolean {
    const isStatic = (this.#extended & ExtendedFlag.IsStatic) !== 0;
    const columns = isStatic ? this.#statics : this.#regulars;
    const flags = this.#flags;
    this.#p = this.#bodyStart;
    this.#end = this.unfilteredEnd;
    this.#vint(); // previous size
    const target = columns.byId === undefined ? out : this.#scratch;
    const row = this.#row;
    this.#scratch.clear();
    row.begin(target);
    const hasHead = this.#readRowHead(row);
    if ((flags & UnfilteredFlag.HasAllColumns) !== 0) this.#isPresent.fill(1, 0, columns.count);
    else this.#readMissing(columns.count);
    const cellsStart = target.length;
    for (let c = 0; c < columns.count; c++) {
      const start = target.length;
      if (this.#isPresent[c] === 1) {
        if (columns.isMultiCell[c] === 0) this.#readCell(row, columns, c, false);
        else this.#readMultiCell(row, columns, c);
      }
      this.#columnStart[c] = start;
      this.#columnEnd[c] = target.length;
    }
    if (this.#p !== this.#end) this.#corrupt(this.#p, `${this.#end - this.#p} bytes after the last cell of a row`);
    const hasCells = target.length > cellsStart;
    if (columns.byId !== undefined) {
      out.raw(target.bytes, 0, cellsStart);
      if (hasCells) this.#inOrderOfIds(out, columns.byId);
    }
    return hasHead || hasCells || this.#raw;
  }

  /** After a head of Marker. @throws CorruptFileError */
  readMarker(): void {
    this.#p = this.#bodyStart;
    this.#end = this.unfilteredEnd;
    this.#vint(); // previous size
    const kind = this.#kind;
    const closes = kind !== BoundKind.InclStart && kind !== BoundKind.ExclStart;
    const opens = kind !== BoundKind.InclEnd && kind !== BoundKind.ExclEnd;
    this.closedHi = INT64_MIN_HI;
    this.closedLo = INT64_MIN_LO;
    this.closedTime = NO_DELETION_TIME;
    this.openedHi = INT64_MIN_HI;
    this.openedLo = INT64_MIN_LO;
    this.openedTime = NO_DELETION_TIME;
    if (closes) {
      this.#readDeletion();
      this.closedHi = this.#timestampHi;
      this.closedLo = this.#timestampLo;
      this.closedTime = this.#time;
    }
    if (opens) {
      this.#readDeletion();
      this.openedHi = this.#timestampHi;
      this.openedLo = this.#timestampLo;
      this.openedTime = this.#time;
    }
    if (this.#p !== this.#end) this.#corrupt(this.#p, 'bytes after a range tombstone marker');
  }

  /** Liveness and deletions; true if there is one. */
  #readRowHead(row: RowBodyWriter): boolean {
    const flags = this.#flags;
    let has = false;
    if ((flags & UnfilteredFlag.HasTimestamp) !== 0) {
      has = true;
      this.#readTimestamp();
      this.#rowTimestampHi = this.#timestampHi;
      this.#rowTimestampLo = this.#timestampLo;
      this.#rowTtl = 0;
      this.#rowExpiry = NO_DELETION_TIME;
      if ((flags & UnfilteredFlag.HasTtl) !== 0) {
        this.#rowTtl = this.#readTtl();
        this.#rowExpiry = this.#readExpiry();
      }
      row.liveness(this.#rowTimestampHi, this.#rowTimestampLo, this.#rowTtl, this.#rowExpiry);
    } else if ((flags & UnfilteredFlag.HasTtl) !== 0) {
      this.#corrupt(this.#p, 'a row with a TTL but no timestamp');
    }
    if ((flags & UnfilteredFlag.HasDeletion) !== 0) {
      this.#readDeletion();
      if (!isLive(this.#timestampHi, this.#timestampLo)) {
        has = true;
        if ((this.#extended & ExtendedFlag.CassandraShadowable) !== 0) {
          row.shadowableDeletion(this.#timestampHi, this.#timestampLo, this.#time);
        } else {
          row.deletion(this.#timestampHi, this.#timestampLo, this.#time);
        }
      }
    }
    if ((this.#extended & ExtendedFlag.ScyllaShadowable) !== 0) {
      if ((this.#extended & ExtendedFlag.CassandraShadowable) !== 0) {
        this.#corrupt(this.#p, 'a row with both forms of a shadowable deletion');
      }
      this.#readDeletion();
      if (!isLive(this.#timestampHi, this.#timestampLo)) {
        has = true;
        row.shadowableDeletion(this.#timestampHi, this.#timestampLo, this.#time);
      }
    }
    return has;
  }

  /** Fills #isPresent from the subset of columns. */
  #readMissing(count: number): void {
    const isPresent = this.#isPresent;
    if (count < BITMAP_COLUMNS) {
      this.#vint64();
      const { hi, lo } = this.#halves;
      for (let c = 0; c < count; c++) {
        const bit = c < 32 ? (lo >>> c) & 1 : (hi >>> (c - 32)) & 1;
        isPresent[c] = bit ^ 1;
      }
      return;
    }
    const missing = this.#vint();
    if (missing > count) this.#corrupt(this.#p, `${missing} missing columns of ${count}`);
    const listsPresent = count - missing < count >>> 1;
    const listed = listsPresent ? count - missing : missing;
    isPresent.fill(listsPresent ? 0 : 1, 0, count);
    for (let i = 0; i < listed; i++) {
      const c = this.#vint();
      if (c >= count) this.#corrupt(this.#p, `column ${c} of ${count}`);
      isPresent[c] = listsPresent ? 1 : 0;
    }
  }

  #readMultiCell(row: RowBodyWriter, columns: ReadColumns, c: number): void {
    if ((this.#flags & UnfilteredFlag.HasComplexDeletion) !== 0) {
      this.#readDeletion();
      if (!isLive(this.#timestampHi, this.#timestampLo) && this.#isKept(columns, c)) {
        row.complexDeletion(columns.ids[c]!, this.#timestampHi, this.#timestampLo, this.#time);
      }
    }
    const count = this.#vint();
    for (let i = 0; i < count; i++) this.#readCell(row, columns, c, true); // each takes bytes, so a wrong count ends soon
  }

  /** Reads one cell and, unless it is thrown away, writes it. */
  #readCell(row: RowBodyWriter, columns: ReadColumns, c: number, isElement: boolean): void {
    if (this.#p >= this.#end) this.#corrupt(this.#p, 'cell cut short');
    const flags = this.#bytes[this.#p++]!;
    const isDeleted = (flags & FileCellFlag.IsDeleted) !== 0;
    const isExpiring = (flags & FileCellFlag.IsExpiring) !== 0;
    if ((flags & ~KNOWN_CELL) !== 0 || (isDeleted && isExpiring)) this.#corrupt(this.#p - 1, `cell flags ${flags}`);
    if ((flags & FileCellFlag.UseRowTimestamp) !== 0) {
      if ((this.#flags & UnfilteredFlag.HasTimestamp) === 0)
        this.#corrupt(this.#p - 1, 'cell uses a timestamp that its row lacks');
      this.#timestampHi = this.#rowTimestampHi;
      this.#timestampLo = this.#rowTimestampLo;
    } else {
      this.#readTimestamp();
    }
    let ttl = 0;
    let time: number = NO_DELETION_TIME;
    if ((flags & FileCellFlag.UseRowTtl) !== 0) {
      if ((this.#flags & UnfilteredFlag.HasTtl) === 0) this.#corrupt(this.#p, 'cell uses a TTL that its row lacks');
      ttl = this.#rowTtl;
      time = this.#rowExpiry;
    } else if (isDeleted) {
      time = this.#readTombstoneTime();
    } else if (isExpiring) {
      time = this.#readExpiry();
      ttl = this.#readTtl();
    }
    let pathStart = 0;
    let pathEnd = 0;
    if (isElement) {
      const length = this.#vint();
      pathStart = this.#take(length);
      pathEnd = this.#p;
    }
    let valueStart = this.#p;
    if ((flags & FileCellFlag.EmptyValue) === 0) {
      const fixed = columns.fixedLengths[c]!;
      valueStart = this.#take(fixed >= 0 ? fixed : this.#vint());
    }
    if (!this.#isKept(columns, c)) return;
    const { ids } = columns;
    const bytes = this.#bytes;
    const hi = this.#timestampHi;
    const lo = this.#timestampLo;
    if (isElement) {
      if (isDeleted) row.deadElement(ids[c]!, hi, lo, time, bytes, pathStart, pathEnd);
      else row.element(ids[c]!, hi, lo, ttl, time, bytes, pathStart, pathEnd, bytes, valueStart, this.#p);
    } else if (isDeleted) row.deadCell(ids[c]!, hi, lo, time);
    else row.cell(ids[c]!, hi, lo, ttl, time, bytes, valueStart, this.#p);
  }

  /** Whether a cell or deletion with the timestamp that was just read belongs to a column that the reader has. */
  #isKept(columns: ReadColumns, c: number): boolean {
    if (columns.ids[c]! < 0) return false;
    const cutoffHi = columns.cutoffHi[c]!;
    const cutoffLo = columns.cutoffLo[c]!;
    return isLive(cutoffHi, cutoffLo) || compareInt64(this.#timestampHi, this.#timestampLo, cutoffHi, cutoffLo) > 0;
  }

  #inOrderOfIds(out: ByteWriter, byId: Int32Array): void {
    const { bytes } = this.#scratch;
    for (let i = 0; i < byId.length; i++) {
      const c = byId[i]!;
      if (this.#columnEnd[c]! > this.#columnStart[c]!) out.raw(bytes, this.#columnStart[c]!, this.#columnEnd[c]!);
    }
  }

  #readTimestamp(): void {
    this.#vint64();
    const { hi, lo } = this.#halves;
    const low = (lo + this.#baseTimestampLo) | 0;
    this.#timestampLo = low;
    this.#timestampHi = (hi + this.#baseTimestampHi + (low >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
  }

  /** A deletion as two deltas. One with a timestamp of -2^63 is none, whatever its time. */
  #readDeletion(): void {
    this.#readTimestamp();
    const at = this.#p;
    this.#vint64();
    const bits = (this.#halves.lo + this.#baseTime) | 0;
    this.#time = isLive(this.#timestampHi, this.#timestampLo)
      ? NO_DELETION_TIME
      : deletionTimeFromFile(bits, this.#unsigned, this.#raw, this.#path, this.#base + at);
  }

  #readTombstoneTime(): number {
    const at = this.#p;
    this.#vint64();
    const bits = (this.#halves.lo + this.#baseTime) | 0;
    return deletionTimeFromFile(bits, this.#unsigned, this.#raw, this.#path, this.#base + at);
  }

  #readExpiry(): number {
    this.#vint64();
    return expiryFromFile((this.#halves.lo + this.#baseTime) | 0, this.#unsigned, this.#raw);
  }

  #readTtl(): number {
    this.#vint64();
    const ttl = (this.#halves.lo + this.#baseTtl) | 0;
    if (ttl < 0) this.#corrupt(this.#p, `negative TTL ${ttl}`);
    return ttl;
  }

  /** A size or count. */
  #vint(): number {
    const value = this.#scanner.scan(this.#bytes, this.#p, this.#end);
    if (value < 0) this.#corrupt(this.#p, 'row cut short');
    this.#p = this.#scanner.at;
    return value;
  }

  #vint64(): void {
    if (!this.#scanner.scan64(this.#bytes, this.#p, this.#end, this.#halves)) this.#corrupt(this.#p, 'row cut short');
    this.#p = this.#scanner.at;
  }

  /** The place of `length` bytes of the row. */
  #take(length: number): number {
    const at = this.#p;
    if (length > this.#end - at) this.#corrupt(at, `value of ${length} bytes where the row has ${this.#end - at} left`);
    this.#p = at + length;
    return at;
  }

  #corrupt(pos: number, why: string): never {
    throw new CorruptFileError(this.#path, this.#base + pos, `uncompressed data: ${why}`);
  }
}

function isLive(hi: number, lo: number): boolean {
  return hi === INT64_MIN_HI && lo === INT64_MIN_LO;
}

const EMPTY = new Uint8Array(0);
const KNOWN_EXTENDED = ExtendedFlag.IsStatic | ExtendedFlag.CassandraShadowable | ExtendedFlag.ScyllaShadowable;
const KNOWN_CELL = 0x1f;
