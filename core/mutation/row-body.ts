import { type ByteWriter, readI32LE, readU16LE, readU32LE } from '../bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';

/**
 * The body of a row: liveness, deletions, cells. One form everywhere: frozen mutations, memtables, row batches, rings.
 * Little endian. The end is known from outside.
 *
 *   u8   flags            RowFlag
 *   [i64 timestamp]                 LIVENESS                       the row marker of an INSERT
 *   [u32 ttl | u32 expiry]          LIVENESS_EXPIRING              seconds; seconds since 1970
 *   [i64 timestamp | u32 ldt]       DELETION                       row tombstone: markedForDeleteAt, local deletion time
 *   [i64 timestamp | u32 ldt]       SHADOWABLE_DELETION            read from foreign files only
 *   cells, sorted by (column id, complex deletion first, path in the order of the collection's keys)
 *
 * Cell:
 *   u16  column id
 *   u8   flags            CellFlag
 *   [i64 timestamp]                 unless ROW_TIMESTAMP
 *   [u32 ldt]                       DELETED or COMPLEX_DELETION
 *   [u32 ttl | u32 expiry]          EXPIRING unless ROW_TTL
 *   [u32 length | path]             HAS_PATH                       set element, map key, list timeuuid, i16 BE UDT field
 *   [u32 length | value]            unless DELETED or COMPLEX_DELETION
 *
 * An int64 is its low half, then its high half. Seconds are u32; NO_DELETION_TIME is "none". A ttl of EXPIRED_LIVENESS_TTL
 * on a liveness says that the liveness has expired; its expiry is then the deletion time (spec/sstable.md §6).
 */
export const RowFlag = { Liveness: 1, LivenessExpiring: 2, Deletion: 4, ShadowableDeletion: 8 } as const;

export const CellFlag = {
  /** A tombstone of this cell. */
  Deleted: 1,
  /** Has ttl and expiry. Never together with Deleted. */
  Expiring: 2,
  /** Not a cell: the tombstone of a whole multi-cell column, before its cells. No path, no value. */
  ComplexDeletion: 4,
  /** The timestamp is the liveness's. */
  RowTimestamp: 8,
  /** ttl and expiry are the liveness's. */
  RowTtl: 16,
  /** An element of a multi-cell column. */
  HasPath: 32,
} as const;

/** Local deletion time of what is not deleted. */
export const NO_DELETION_TIME = 0xffff_ffff;
/** The ttl that marks a liveness as expired. */
export const EXPIRED_LIVENESS_TTL = 0x7fff_ffff;
/** Largest expiry that version `me` can hold; later ones are capped (spec/sstable.md §6). */
export const MAX_EXPIRY = 0x7fff_fffe;
/** Longest TTL a client may ask for: 20 years. */
export const MAX_TTL_SECONDS = 630_720_000;

/**
 * Reads one row body: first the head by `open`, then cell by cell by `next`. One reader is used for many rows; its fields
 * are the current cell. Borrows `bytes`. The input was checked when it entered (`core/mutation/check.ts`, SSTable
 * reader), so no bounds are checked here.
 */
export class RowReader {
  bytes: Uint8Array = EMPTY;
  end = 0;
  pos = 0;

  /** RowFlag bits. */
  rowFlags = 0;
  /** The liveness, or (-2^63) when the row has none. */
  livenessHi: number = INT64_MIN_HI;
  livenessLo: number = INT64_MIN_LO;
  /** 0 when the liveness does not expire. */
  livenessTtl = 0;
  livenessExpiry: number = NO_DELETION_TIME;
  /** The row tombstone, or (-2^63, NO_DELETION_TIME). */
  deletionHi: number = INT64_MIN_HI;
  deletionLo: number = INT64_MIN_LO;
  deletionTime: number = NO_DELETION_TIME;
  shadowableHi: number = INT64_MIN_HI;
  shadowableLo: number = INT64_MIN_LO;
  shadowableTime: number = NO_DELETION_TIME;
  /** Where the cells begin. */
  cellsStart = 0;

  /** Where the current cell begins and ends: bytes[cellStart, cellEnd) can be copied as it is into a row of equal liveness. */
  cellStart = 0;
  cellEnd = 0;
  columnId = 0;
  /** CellFlag bits. */
  flags = 0;
  timestampHi = 0;
  timestampLo = 0;
  /** 0 when the cell does not expire. */
  ttl = 0;
  /** Expiry of an expiring cell, local deletion time of a tombstone, else NO_DELETION_TIME. */
  time: number = NO_DELETION_TIME;
  pathStart = 0;
  pathEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.end = end;
    let pos = start;
    const flags = start < end ? bytes[pos++]! : 0;
    this.rowFlags = flags;
    if ((flags & RowFlag.Liveness) !== 0) {
      this.livenessLo = readI32LE(bytes, pos);
      this.livenessHi = readI32LE(bytes, pos + 4);
      pos += 8;
    } else {
      this.livenessLo = INT64_MIN_LO;
      this.livenessHi = INT64_MIN_HI;
    }
    if ((flags & RowFlag.LivenessExpiring) !== 0) {
      this.livenessTtl = readU32LE(bytes, pos);
      this.livenessExpiry = readU32LE(bytes, pos + 4);
      pos += 8;
    } else {
      this.livenessTtl = 0;
      this.livenessExpiry = NO_DELETION_TIME;
    }
    if ((flags & RowFlag.Deletion) !== 0) {
      this.deletionLo = readI32LE(bytes, pos);
      this.deletionHi = readI32LE(bytes, pos + 4);
      this.deletionTime = readU32LE(bytes, pos + 8);
      pos += 12;
    } else {
      this.deletionLo = INT64_MIN_LO;
      this.deletionHi = INT64_MIN_HI;
      this.deletionTime = NO_DELETION_TIME;
    }
    if ((flags & RowFlag.ShadowableDeletion) !== 0) {
      this.shadowableLo = readI32LE(bytes, pos);
      this.shadowableHi = readI32LE(bytes, pos + 4);
      this.shadowableTime = readU32LE(bytes, pos + 8);
      pos += 12;
    } else {
      this.shadowableLo = INT64_MIN_LO;
      this.shadowableHi = INT64_MIN_HI;
      this.shadowableTime = NO_DELETION_TIME;
    }
    this.cellsStart = pos;
    this.pos = pos;
  }

  /** Goes back to before the first cell. */
  rewind(): void {
    this.pos = this.cellsStart;
  }

  /** Moves to the next cell; false at the end. */
  next(): boolean {
    const { bytes } = this;
    let pos = this.pos;
    if (pos >= this.end) return false;
    this.cellStart = pos;
    this.columnId = readU16LE(bytes, pos);
    const flags = bytes[pos + 2]!;
    this.flags = flags;
    pos += 3;
    if ((flags & CellFlag.RowTimestamp) !== 0) {
      this.timestampHi = this.livenessHi;
      this.timestampLo = this.livenessLo;
    } else {
      this.timestampLo = readI32LE(bytes, pos);
      this.timestampHi = readI32LE(bytes, pos + 4);
      pos += 8;
    }
    if ((flags & (CellFlag.Deleted | CellFlag.ComplexDeletion)) !== 0) {
      this.ttl = 0;
      this.time = readU32LE(bytes, pos);
      pos += 4;
    } else if ((flags & CellFlag.RowTtl) !== 0) {
      this.ttl = this.livenessTtl;
      this.time = this.livenessExpiry;
    } else if ((flags & CellFlag.Expiring) !== 0) {
      this.ttl = readU32LE(bytes, pos);
      this.time = readU32LE(bytes, pos + 4);
      pos += 8;
    } else {
      this.ttl = 0;
      this.time = NO_DELETION_TIME;
    }
    if ((flags & CellFlag.HasPath) !== 0) {
      this.pathStart = pos + 4;
      pos = this.pathStart + readU32LE(bytes, pos);
    } else {
      this.pathStart = pos;
    }
    this.pathEnd = pos;
    if ((flags & (CellFlag.Deleted | CellFlag.ComplexDeletion)) === 0) {
      this.valueStart = pos + 4;
      pos = this.valueStart + readU32LE(bytes, pos);
    } else {
      this.valueStart = pos;
    }
    this.valueEnd = pos;
    this.cellEnd = pos;
    this.pos = pos;
    return true;
  }
}

/**
 * Writes one row body into a ByteWriter: the head first, then cells in the order of the layout above. Cells whose
 * timestamp and expiry equal the liveness's are shortened. Keeps no buffers; one writer is used for many rows.
 */
export class RowBodyWriter {
  #out!: ByteWriter;
  #hasLiveness = false;
  #livenessHi = 0;
  #livenessLo = 0;
  #livenessTtl = 0;
  #livenessExpiry = 0;
  #flagsAt = 0;

  /** Begins a row at the end of `out`. */
  begin(out: ByteWriter): void {
    this.#out = out;
    this.#hasLiveness = false;
    this.#livenessTtl = 0;
    this.#flagsAt = out.length;
    out.u8(0);
  }

  /** The row marker. `ttl` 0: does not expire. Call before any deletion or cell. */
  liveness(hi: number, lo: number, ttl: number, expiry: number): void {
    const out = this.#out;
    this.#hasLiveness = true;
    this.#livenessHi = hi;
    this.#livenessLo = lo;
    this.#livenessTtl = ttl;
    this.#livenessExpiry = expiry;
    out.i64LE(hi, lo);
    let flags: number = RowFlag.Liveness;
    if (ttl !== 0) {
      flags |= RowFlag.LivenessExpiring;
      out.i32LE(ttl);
      out.i32LE(expiry);
    }
    out.bytes[this.#flagsAt]! |= flags;
  }

  /** The row tombstone, after the liveness and before any cell. */
  deletion(hi: number, lo: number, localDeletionTime: number): void {
    this.#out.i64LE(hi, lo);
    this.#out.i32LE(localDeletionTime);
    this.#out.bytes[this.#flagsAt]! |= RowFlag.Deletion;
  }

  /** A shadowable tombstone, after the deletion and before any cell. */
  shadowableDeletion(hi: number, lo: number, localDeletionTime: number): void {
    this.#out.i64LE(hi, lo);
    this.#out.i32LE(localDeletionTime);
    this.#out.bytes[this.#flagsAt]! |= RowFlag.ShadowableDeletion;
  }

  /** The tombstone of a multi-cell column. */
  complexDeletion(columnId: number, hi: number, lo: number, localDeletionTime: number): void {
    this.#cellHead(columnId, CellFlag.ComplexDeletion, hi, lo);
    this.#out.i32LE(localDeletionTime);
  }

  /** A live cell without path. `ttl` 0: does not expire. */
  cell(
    columnId: number,
    hi: number,
    lo: number,
    ttl: number,
    expiry: number,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#liveHead(columnId, 0, hi, lo, ttl, expiry);
    this.#out.i32LE(valueEnd - valueStart);
    this.#out.raw(bytes, valueStart, valueEnd);
  }

  /** A tombstone without path. */
  deadCell(columnId: number, hi: number, lo: number, localDeletionTime: number): void {
    this.#cellHead(columnId, CellFlag.Deleted, hi, lo);
    this.#out.i32LE(localDeletionTime);
  }

  /** A live element of a multi-cell column. Path and value may lie in different arrays. */
  element(
    columnId: number,
    hi: number,
    lo: number,
    ttl: number,
    expiry: number,
    pathBytes: Uint8Array,
    pathStart: number,
    pathEnd: number,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#liveHead(columnId, CellFlag.HasPath, hi, lo, ttl, expiry);
    this.#out.i32LE(pathEnd - pathStart);
    this.#out.raw(pathBytes, pathStart, pathEnd);
    this.#out.i32LE(valueEnd - valueStart);
    this.#out.raw(bytes, valueStart, valueEnd);
  }

  /** A dead element of a multi-cell column. */
  deadElement(
    columnId: number,
    hi: number,
    lo: number,
    localDeletionTime: number,
    pathBytes: Uint8Array,
    pathStart: number,
    pathEnd: number,
  ): void {
    this.#cellHead(columnId, CellFlag.Deleted | CellFlag.HasPath, hi, lo);
    this.#out.i32LE(localDeletionTime);
    this.#out.i32LE(pathEnd - pathStart);
    this.#out.raw(pathBytes, pathStart, pathEnd);
  }

  /** The reader's current cell, whatever it is, re-encoded for this row's liveness. */
  copy(cell: RowReader): void {
    const { flags } = cell;
    const path = flags & CellFlag.HasPath;
    if ((flags & (CellFlag.Deleted | CellFlag.ComplexDeletion)) !== 0) {
      this.#cellHead(
        cell.columnId,
        flags & (CellFlag.Deleted | CellFlag.ComplexDeletion | CellFlag.HasPath),
        cell.timestampHi,
        cell.timestampLo,
      );
      this.#out.i32LE(cell.time);
    } else {
      this.#liveHead(cell.columnId, path, cell.timestampHi, cell.timestampLo, cell.ttl, cell.time);
    }
    if (path !== 0) {
      this.#out.i32LE(cell.pathEnd - cell.pathStart);
      this.#out.raw(cell.bytes, cell.pathStart, cell.pathEnd);
    }
    if ((flags & (CellFlag.Deleted | CellFlag.ComplexDeletion)) === 0) {
      this.#out.i32LE(cell.valueEnd - cell.valueStart);
      this.#out.raw(cell.bytes, cell.valueStart, cell.valueEnd);
    }
  }

  #liveHead(columnId: number, flags: number, hi: number, lo: number, ttl: number, expiry: number): void {
    if (ttl === 0) {
      this.#cellHead(columnId, flags, hi, lo);
    } else if (this.#livenessTtl === ttl && this.#livenessExpiry === expiry) {
      this.#cellHead(columnId, flags | CellFlag.Expiring | CellFlag.RowTtl, hi, lo);
    } else {
      this.#cellHead(columnId, flags | CellFlag.Expiring, hi, lo);
      this.#out.i32LE(ttl);
      this.#out.i32LE(expiry);
    }
  }

  #cellHead(columnId: number, flags: number, hi: number, lo: number): void {
    const out = this.#out;
    const sameTimestamp = this.#hasLiveness && hi === this.#livenessHi && lo === this.#livenessLo;
    out.u16LE(columnId);
    out.u8(sameTimestamp ? flags | CellFlag.RowTimestamp : flags);
    if (!sameTimestamp) out.i64LE(hi, lo);
  }
}

const EMPTY = new Uint8Array(0);
