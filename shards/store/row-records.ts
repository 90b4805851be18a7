import { assert } from '../../core/assert.ts';
import { ByteWriter, copyBytes, readI32LE, writeI32LE } from '../../core/bytes.ts';
import { compareInt64 } from '../../core/int64.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import { CellFlag, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import type { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { TypeKind } from '../../core/types/cql-type.ts';
import { type Arena, blockBytes } from './arena.ts';
import { NO_ROOM, type SlabViews } from './slab-pool.ts';

/**
 * One row in a memtable's memory, or a static row. The record never moves, so that trees and cursors may keep its offset.
 *
 *   0   i32  length of the body, or CHAINED
 *   4   i32  length of the clustering prefix     absent (head of 4 bytes) in static rows and in tables without clustering columns
 *   8   prefix
 *       body (core/mutation/row-body.ts), in at least 4 bytes; or when CHAINED: i32 LE offset of the newest version, unaligned
 *   padding to 4
 *
 * Version: i32 next older version, 0 none | i32 length of the body | body; a block of the arena. The row is the merge of all.
 *
 * A small row is kept merged: a write merges into the body, in place when it fits there, else into a new version, and the
 * old one is free. To a large row a write is added as one more version. Versions are merged when the newer ones together
 * have half the size of the next older, so that sizes at least double along the chain: a collection grown element
 * by element costs n log n, and a reader merges log n versions.
 */
const CHAINED = -1;
const MULTI_CELL: number = CellFlag.ComplexDeletion | CellFlag.HasPath;
const VERSION_HEAD = 8;

/** Head of a record in a table with clustering columns, and of all others. */
export const CLUSTERED_HEAD = 8;
export const BARE_HEAD = 4;

/** Bodies with prefix up to this many bytes lie in the record; rows up to this size are kept merged. */
export const SMALL_ROW_BYTES = 1024;
/** Newer versions smaller than this are always merged. */
const SMALL_DELTA_BYTES = 256;
/** Nothing is merged beyond this: it would hold the event loop. */
const MERGE_LIMIT_BYTES: number = 1024 * 1024;
/** A merged cell can be longer than it was, when it no longer shares the row's timestamp and TTL: 7 bytes become 23. */
export const MERGE_GROWTH = 4;
/** Scratch above this is not kept. */
const SCRATCH_KEPT_BYTES: number = 256 * 1024;
/** Most bytes that `update` takes beyond the new body's own version: a merged small row, or the old body as a version. */
export const ROW_UPDATE_BYTES: number = blockBytes(MERGE_GROWTH * SMALL_ROW_BYTES + VERSION_HEAD);

/** Bytes of a record whose body lies in it. */
export function inlineRowBytes(head: number, prefixLength: number, bodyLength: number): number {
  return (head + prefixLength + (bodyLength < 4 ? 4 : bodyLength) + 3) & ~3;
}

/** Bytes of a record whose body lies in versions. */
export function chainedRowBytes(head: number, prefixLength: number): number {
  return (head + prefixLength + 4 + 3) & ~3;
}

/** Bytes of a version's block. */
export function versionBytes(bodyLength: number): number {
  return blockBytes(VERSION_HEAD + bodyLength);
}

export function isSmallRow(prefixLength: number, bodyLength: number): boolean {
  return prefixLength + bodyLength <= SMALL_ROW_BYTES;
}

/** Reads and writes row records of one table. */
export class RowRecords {
  readonly #views: SlabViews;
  #table: TableDescriptor;
  #merger: RowMerger | undefined;
  #scratch: ByteWriter | undefined;
  #hasCounters: boolean;
  readonly #newer: RowReader = new RowReader();
  readonly #older: RowReader = new RowReader();
  /** Bytes that merging has written since the beginning, for tests and metrics. */
  mergedBytes = 0;

  constructor(views: SlabViews, table: TableDescriptor) {
    this.#views = views;
    this.#table = table;
    this.#hasCounters = hasCounters(table);
  }

  /** Uses the column types of another version of the schema from now on. */
  setTable(table: TableDescriptor): void {
    this.#table = table;
    this.#merger = undefined;
    this.#hasCounters = hasCounters(table);
  }

  /** The one merger of this memtable on this thread: used and left within one synchronous step. */
  get merger(): RowMerger {
    this.#merger ??= new RowMerger(this.#table);
    return this.#merger;
  }

  prefixLength(row: number, head: number): number {
    return head === CLUSTERED_HEAD ? this.#views.i32[(row >> 2) + 1]! : 0;
  }

  /** Adds the row to a batch, unless it is empty. */
  addTo(batch: RowBatch, kind: FragmentKind, row: number, head: number): void {
    const { i32, u8 } = this.#views;
    const start = row + head;
    const end = start + this.prefixLength(row, head);
    let bodyStart = end;
    let length = i32[row >> 2]!;
    if (length === CHAINED) {
      const newest = readI32LE(u8, end);
      if (i32[newest >> 2] !== 0) {
        this.#beginMerge(row, head);
        this.#endMerge(batch, kind, start, end);
        return;
      }
      bodyStart = newest + VERSION_HEAD;
      length = i32[(newest >> 2) + 1]!;
    }
    if (length > 0) batch.addFragment(kind, 0, u8, start, end, bodyStart, bodyStart + length);
  }

  /** A copy of the row's body, its versions merged. */
  copyBody(row: number, head: number): Uint8Array {
    const { i32, u8 } = this.#views;
    const start = row + head + this.prefixLength(row, head);
    const length = i32[row >> 2]!;
    if (length !== CHAINED) return new Uint8Array(u8.slice(start, start + length));
    const body = new ByteWriter(256);
    this.#beginMerge(row, head);
    this.merger.finish(body);
    return body.toBytes();
  }

  #beginMerge(row: number, head: number): void {
    const { i32, u8 } = this.#views;
    const { merger } = this;
    const at = row + head + this.prefixLength(row, head);
    const length = i32[row >> 2]!;
    merger.begin();
    if (length !== CHAINED) {
      merger.add(u8, at, at + length);
      return;
    }
    for (let version = readI32LE(u8, at); version !== 0; version = i32[version >> 2]!) {
      merger.add(u8, version + VERSION_HEAD, version + VERSION_HEAD + i32[(version >> 2) + 1]!);
    }
  }

  #endMerge(batch: RowBatch, kind: FragmentKind, prefixStart: number, prefixEnd: number): void {
    batch.beginFragment(kind, 0, this.#views.u8, prefixStart, prefixEnd);
    if (this.merger.finish(batch.writer)) batch.endFragment();
    else batch.dropFragment();
  }

  /** Writes a record with its body at `row`, which has inlineRowBytes of room. */
  writeInline(
    row: number,
    head: number,
    bytes: Uint8Array,
    prefixStart: number,
    prefixEnd: number,
    bodyStart: number,
    bodyEnd: number,
  ): void {
    const { i32, u8 } = this.#views;
    i32[row >> 2] = bodyEnd - bodyStart;
    let at = row + head;
    if (head === CLUSTERED_HEAD) {
      i32[(row >> 2) + 1] = prefixEnd - prefixStart;
      copyBytes(bytes, prefixStart, prefixEnd, u8, at);
      at += prefixEnd - prefixStart;
    }
    copyBytes(bytes, bodyStart, bodyEnd, u8, at);
  }

  /** A new record. Room must have been made sure of. */
  create(
    arena: Arena,
    head: number,
    bytes: Uint8Array,
    prefixStart: number,
    prefixEnd: number,
    bodyStart: number,
    bodyEnd: number,
  ): number {
    const prefixLength = head === CLUSTERED_HEAD ? prefixEnd - prefixStart : 0;
    const isSmall = isSmallRow(prefixLength, bodyEnd - bodyStart);
    const row = arena.allocate(
      isSmall ? inlineRowBytes(head, prefixLength, bodyEnd - bodyStart) : chainedRowBytes(head, prefixLength),
    );
    assert(row !== NO_ROOM, 'room for a row was made sure of');
    if (isSmall) {
      this.writeInline(row, head, bytes, prefixStart, prefixEnd, bodyStart, bodyEnd);
      return row;
    }
    this.writeInline(row, head, bytes, prefixStart, prefixEnd, 0, 0);
    this.#chain(row, head, this.#version(arena, bytes, bodyStart, bodyEnd, 0));
    return row;
  }

  /**
   * Merges a body into the row. Room for ROW_UPDATE_BYTES and a version of the body must have been made sure of;
   * `promised` bytes are kept for what comes after it.
   */
  update(
    arena: Arena,
    row: number,
    head: number,
    bytes: Uint8Array,
    bodyStart: number,
    bodyEnd: number,
    promised: number,
  ): void {
    if (this.#views.i32[row >> 2] === CHAINED) {
      this.#updateChain(arena, row, head, bytes, bodyStart, bodyEnd, promised);
    } else {
      this.#updateInline(arena, row, head, bytes, bodyStart, bodyEnd);
    }
  }

  #updateInline(arena: Arena, row: number, head: number, bytes: Uint8Array, bodyStart: number, bodyEnd: number): void {
    const { i32, u8 } = this.#views;
    const prefixLength = this.prefixLength(row, head);
    const at = row + head + prefixLength;
    const length = i32[row >> 2]!;
    const recordBytes = inlineRowBytes(head, prefixLength, length);
    let version: number;
    if (
      inlineRowBytes(head, prefixLength, bodyEnd - bodyStart) <= recordBytes &&
      this.#replaces(bytes, bodyStart, bodyEnd, at, at + length)
    ) {
      copyBytes(bytes, bodyStart, bodyEnd, u8, at);
      i32[row >> 2] = bodyEnd - bodyStart;
      return;
    }
    if (length + bodyEnd - bodyStart <= SMALL_ROW_BYTES) {
      const { merger } = this;
      const scratch = this.#clearScratch();
      merger.begin();
      merger.add(bytes, bodyStart, bodyEnd);
      merger.add(u8, at, at + length);
      merger.finish(scratch);
      this.mergedBytes += scratch.length;
      const mergedBytes = inlineRowBytes(head, prefixLength, scratch.length);
      if (mergedBytes <= recordBytes) {
        copyBytes(scratch.bytes, 0, scratch.length, u8, at);
        i32[row >> 2] = scratch.length;
        return;
      }
      version = this.#version(arena, scratch.bytes, 0, scratch.length, 0);
    } else {
      const older = this.#version(arena, u8, at, at + length, 0);
      version = this.#version(arena, bytes, bodyStart, bodyEnd, older);
    }
    this.#chain(row, head, version);
    const chainedBytes = chainedRowBytes(head, prefixLength);
    arena.freePiece(row + chainedBytes, recordBytes - chainedBytes);
  }

  #updateChain(
    arena: Arena,
    row: number,
    head: number,
    bytes: Uint8Array,
    bodyStart: number,
    bodyEnd: number,
    promised: number,
  ): void {
    const { i32, u8 } = this.#views;
    const newest = readI32LE(u8, row + head + this.prefixLength(row, head));
    // `rest` will be the first version that is left alone.
    let rest = newest;
    let size = bodyEnd - bodyStart;
    for (; rest !== 0; rest = i32[rest >> 2]!) {
      const length = i32[(rest >> 2) + 1]!;
      const total = size + length;
      const isDue = length <= 2 * size || total <= SMALL_DELTA_BYTES || (rest === newest && this.#isSole(rest, total));
      if (!isDue || total > MERGE_LIMIT_BYTES) break;
      size = total;
    }
    if (rest === newest) {
      this.#chain(row, head, this.#version(arena, bytes, bodyStart, bodyEnd, newest));
      return;
    }
    const { merger } = this;
    const scratch = this.#clearScratch();
    merger.begin();
    merger.add(bytes, bodyStart, bodyEnd);
    for (let version = newest; version !== rest; version = i32[version >> 2]!) {
      merger.add(u8, version + VERSION_HEAD, version + VERSION_HEAD + i32[(version >> 2) + 1]!);
    }
    merger.finish(scratch);
    this.mergedBytes += scratch.length;
    const needed = versionBytes(scratch.length);
    if (needed === versionBytes(i32[(newest >> 2) + 1]!) && i32[newest >> 2] === rest) {
      copyBytes(scratch.bytes, 0, scratch.length, u8, newest + VERSION_HEAD); // the same block
      i32[(newest >> 2) + 1] = scratch.length;
    } else {
      const hasRoom = size <= SMALL_ROW_BYTES || arena.canAllocate(needed + promised);
      const merged = hasRoom ? this.#tryVersion(arena, scratch.bytes, 0, scratch.length, rest) : NO_ROOM;
      if (merged === NO_ROOM) {
        // Merging can wait, the write cannot.
        this.#chain(row, head, this.#version(arena, bytes, bodyStart, bodyEnd, newest));
      } else {
        this.#chain(row, head, merged);
        this.#freeVersions(arena, newest, rest);
      }
    }
    if (scratch.bytes.length > SCRATCH_KEPT_BYTES) this.#scratch = undefined;
  }

  /**
   * True when a body certainly makes another one of the row void, so that merging can be left out: neither has deletions or
   * multi-cell columns, and whatever the other one has, it has newer. The usual overwrite.
   */
  #replaces(bytes: Uint8Array, start: number, end: number, oldStart: number, oldEnd: number): boolean {
    if (this.#hasCounters) return false; // their cells are added up
    const newer = this.#newer;
    const older = this.#older;
    newer.open(bytes, start, end);
    older.open(this.#views.u8, oldStart, oldEnd);
    if (newer.rowFlags > RowFlag.Liveness || older.rowFlags > RowFlag.Liveness) return false;
    const { livenessHi, livenessLo } = newer;
    const hasLiveness = older.rowFlags !== 0;
    if (hasLiveness && compareInt64(livenessHi, livenessLo, older.livenessHi, older.livenessLo) <= 0) return false;
    while (older.next()) {
      do if (!newer.next()) return false;
      while (newer.columnId < older.columnId && (newer.flags & MULTI_CELL) === 0);
      if (newer.columnId !== older.columnId || ((newer.flags | older.flags) & MULTI_CELL) !== 0) return false;
      if (compareInt64(newer.timestampHi, newer.timestampLo, older.timestampHi, older.timestampLo) <= 0) return false;
    }
    return true;
  }

  /** True for the only version of a row that stays small. */
  #isSole(version: number, total: number): boolean {
    return this.#views.i32[version >> 2] === 0 && total <= SMALL_ROW_BYTES;
  }

  #version(arena: Arena, bytes: Uint8Array, start: number, end: number, next: number): number {
    const version = this.#tryVersion(arena, bytes, start, end, next);
    assert(version !== NO_ROOM, 'room for a version was made sure of');
    return version;
  }

  #tryVersion(arena: Arena, bytes: Uint8Array, start: number, end: number, next: number): number {
    const version = arena.allocateBlock(VERSION_HEAD + end - start);
    if (version === NO_ROOM) return NO_ROOM;
    const { i32, u8 } = this.#views;
    i32[version >> 2] = next;
    i32[(version >> 2) + 1] = end - start;
    copyBytes(bytes, start, end, u8, version + VERSION_HEAD);
    return version;
  }

  #freeVersions(arena: Arena, first: number, end: number): void {
    const { i32 } = this.#views;
    for (let version = first; version !== end; ) {
      const older = i32[version >> 2]!;
      arena.freeBlock(version, VERSION_HEAD + i32[(version >> 2) + 1]!);
      version = older;
    }
  }

  #chain(row: number, head: number, newest: number): void {
    const { i32, u8 } = this.#views;
    i32[row >> 2] = CHAINED;
    writeI32LE(u8, row + head + this.prefixLength(row, head), newest);
  }

  #clearScratch(): ByteWriter {
    this.#scratch ??= new ByteWriter(2 * SMALL_ROW_BYTES);
    this.#scratch.clear();
    return this.#scratch;
  }
}

function hasCounters(table: TableDescriptor): boolean {
  const { columns, droppedColumns } = table.definition;
  return [...columns, ...droppedColumns].some(({ type }) => type.kind === TypeKind.Counter);
}
