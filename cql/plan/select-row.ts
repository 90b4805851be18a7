import { ByteWriter, copyBytes, equalBytes, readI32BE, readU16BE, writeI32BE } from '../../core/bytes.ts';
import { counterShardCount } from '../../core/mutation/counter-cell.ts';
import { RowReader } from '../../core/mutation/row-body.ts';
import { PartitionKeyReader } from '../../core/partition-key.ts';
import { ClusteringPrefixReader } from '../../core/schema/clustering-prefix.ts';
import {
  CellForm,
  type CellProbe,
  NO_SLOT,
  type SelectLayout,
  SLOT_SOURCE_COUNT,
  SlotSource,
} from './select-layout.ts';
import type { ValueSlot } from './term.ts';

/** Length of a slot without a value. */
const NULL_LENGTH = -1;
/** Head of a collection: its count. */
const COUNT_BYTES = 4;
const COUNTER_SHARD_BYTES = 32;

/** What a probe found of its cell in the current row. */
export class ProbedCell {
  isFound = false;
  timestampHi = 0;
  timestampLo = 0;
  /** Seconds; 0: does not expire. */
  ttl = 0;
  /** Seconds since 1970. */
  expiry = 0;
}

/**
 * The values of one row of a SELECT, by slots of a layout: where they lie, not the values themselves. Partition key and static row
 * are loaded once per partition, and the row's own part row by row; nothing is allocated for a row unless buffers grow.
 *
 * The bytes of rows are borrowed from the batch that they came in: a row must not be looked at after its batch is gone. Key and
 * static row are copied.
 */
export class SelectRow {
  readonly layout: SelectLayout;
  readonly starts: Int32Array;
  /** NULL_LENGTH for null. */
  readonly lengths: Int32Array;
  readonly probed: readonly ProbedCell[];
  /** Paths of the probes of elements, set when the statement is bound; undefined finds nothing. */
  readonly probePaths: (Uint8Array | undefined)[];
  /** The partition's key: bytes[0, length). */
  readonly key: ByteWriter = new ByteWriter(64);

  readonly #sources: Uint8Array;
  readonly #buffers: Uint8Array[];
  readonly #static: ByteWriter = new ByteWriter(64);
  readonly #staticAssembled: ByteWriter = new ByteWriter(64);
  readonly #assembled: ByteWriter = new ByteWriter(64);
  readonly #reader: RowReader = new RowReader();
  readonly #keyReader: PartitionKeyReader = new PartitionKeyReader();
  readonly #prefixReader: ClusteringPrefixReader = new ClusteringPrefixReader();
  /** The slot that is being put together, and what of it there is. */
  #openSlot: number = NO_SLOT;
  #openStart = 0;
  #openCount = 0;

  constructor(layout: SelectLayout) {
    const { slotCount, probes } = layout;
    this.layout = layout;
    this.starts = new Int32Array(slotCount);
    this.lengths = new Int32Array(slotCount).fill(NULL_LENGTH);
    this.probed = probes.map(() => new ProbedCell());
    this.probePaths = probes.map(() => undefined);
    this.#sources = Uint8Array.from(layout.sources);
    this.#buffers = new Array(SLOT_SOURCE_COUNT).fill(NOTHING);
  }

  /** The array that the slot's value lies in. */
  bytesOf(slot: number): Uint8Array {
    return this.#buffers[this.#sources[slot]!]!;
  }

  /** Borrows the slot's value. */
  read(slot: number, into: ValueSlot): void {
    into.set(this.#buffers[this.#sources[slot]!]!, this.starts[slot]!, this.lengths[slot]!);
  }

  /** Appends the slot's value as the protocol has it: [int] length and bytes, -1 for null. */
  write(slot: number, out: ByteWriter): void {
    const length = this.lengths[slot]!;
    if (length < 0) {
      out.i32BE(-1);
      return;
    }
    const at = out.reserve(4 + length);
    const start = this.starts[slot]!;
    writeI32BE(out.bytes, at, length);
    copyBytes(this.#buffers[this.#sources[slot]!]!, start, start + length, out.bytes, at + 4);
    out.length = at + 4 + length;
  }

  /** Begins a partition: its key; static and row values are null until they are loaded. Copies the key. */
  loadKey(bytes: Uint8Array, start: number, end: number): void {
    const { key, layout } = this;
    const { keySlots } = layout;
    key.clear();
    key.raw(bytes, start, end);
    this.#buffers[SlotSource.Key] = key.bytes;
    if (keySlots.length > 0) {
      const reader = this.#keyReader;
      reader.open(key.bytes, 0, key.length, layout.table.partitionKey.length);
      for (let i = 0; i < keySlots.length && reader.next(); i++) {
        const slot = keySlots[i]!;
        if (slot !== NO_SLOT) this.#set(slot, reader.valueStart, reader.valueEnd);
      }
    }
    this.#clear(layout.staticSlots);
    if (this.probed.length > 0) this.#clearProbes(true);
  }

  /** The partition's static row. Copies what it keeps. */
  loadStatic(bytes: Uint8Array, start: number, end: number): void {
    if (!this.layout.needsStatics) return;
    this.#static.clear();
    this.#static.raw(bytes, start, end);
    this.#staticAssembled.clear();
    this.#loadCells(this.#static.bytes, 0, this.#static.length, this.#staticAssembled);
    this.#buffers[SlotSource.Static] = this.#static.bytes;
    this.#buffers[SlotSource.StaticAssembled] = this.#staticAssembled.bytes;
  }

  /** A row: its position and body in one array, which is borrowed. */
  load(bytes: Uint8Array, positionStart: number, positionEnd: number, bodyStart: number, bodyEnd: number): void {
    const { clusteringSlots, regularSlots } = this.layout;
    if (clusteringSlots.length > 0) this.#loadClustering(bytes, positionStart, positionEnd);
    if (this.probed.length > 0) this.#clearProbes(false);
    if (regularSlots.length > 0) this.#clear(regularSlots);
    if (regularSlots.length > 0 || this.probed.length > 0) {
      this.#assembled.clear();
      this.#loadCells(bytes, bodyStart, bodyEnd, this.#assembled);
      this.#buffers[SlotSource.RowAssembled] = this.#assembled.bytes;
    }
    this.#buffers[SlotSource.Row] = bytes;
  }

  /** No row: clustering and regular columns are null, as for a partition with a static row only. */
  loadNoRow(): void {
    this.#clear(this.layout.clusteringSlots);
    this.#clear(this.layout.regularSlots);
    this.#clearProbes(false);
  }

  /** No row and no partition: every value is null. */
  loadNothing(): void {
    this.key.clear();
    this.lengths.fill(NULL_LENGTH);
    for (const cell of this.probed) cell.isFound = false;
  }

  /** Becomes a copy of another row of the same layout, with bytes of its own. */
  copyFrom(other: SelectRow): void {
    const own = this.#static;
    own.clear();
    this.key.clear();
    this.key.raw(other.key.bytes, 0, other.key.length);
    for (let slot = 0; slot < this.lengths.length; slot++) {
      const length = other.lengths[slot]!;
      this.lengths[slot] = length;
      this.starts[slot] = own.length;
      if (length > 0) own.raw(other.bytesOf(slot), other.starts[slot]!, other.starts[slot]! + length);
    }
    this.#buffers.fill(own.bytes);
    for (const [i, cell] of this.probed.entries()) Object.assign(cell, other.probed[i]);
  }

  #set(slot: number, start: number, end: number): void {
    this.starts[slot] = start;
    this.lengths[slot] = end - start;
  }

  #clear(slots: readonly number[]): void {
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (slot !== NO_SLOT) this.lengths[slot] = NULL_LENGTH;
    }
  }

  #clearProbes(ofStatics: boolean): void {
    const { probes } = this.layout;
    for (let i = 0; i < probes.length; i++) {
      if (probes[i]!.isStatic === ofStatics) this.probed[i]!.isFound = false;
    }
  }

  #loadClustering(bytes: Uint8Array, start: number, end: number): void {
    const { clusteringSlots } = this.layout;
    const reader = this.#prefixReader;
    reader.open(bytes, start, end);
    for (let i = 0; i < clusteringSlots.length; i++) {
      const hasValue = reader.next(); // rows of COMPACT STORAGE tables may have fewer
      const slot = clusteringSlots[i]!;
      if (slot === NO_SLOT) continue;
      if (hasValue) this.#set(slot, reader.valueStart, reader.valueEnd);
      else this.lengths[slot] = NULL_LENGTH;
    }
  }

  #loadCells(bytes: Uint8Array, start: number, end: number, assembled: ByteWriter): void {
    const reader = this.#reader;
    const { slotOfColumn, forms, lastColumnId } = this.layout;
    const hasProbes = this.probed.length > 0;
    reader.open(bytes, start, end);
    while (reader.next()) {
      const { columnId } = reader;
      if (columnId > lastColumnId) break; // cells come in the order of column ids
      if (hasProbes) this.#probe();
      const slot = slotOfColumn[columnId]!;
      if (slot < 0) continue;
      const form = forms[slot]!;
      if (form === CellForm.Simple) {
        this.starts[slot] = reader.valueStart;
        this.lengths[slot] = reader.valueEnd - reader.valueStart;
      } else {
        if (slot !== this.#openSlot) this.#openNext(slot, assembled);
        this.#append(form, assembled);
      }
    }
    this.#openNext(NO_SLOT, assembled);
  }

  /** Ends the value that is being put together, begins that of `slot`. Elements of one column come one after the other. */
  #openNext(slot: number, out: ByteWriter): void {
    const before = this.#openSlot;
    if (before !== NO_SLOT) {
      const form = this.layout.forms[before]!;
      if (form === CellForm.Udt) {
        const fields = this.layout.columns[before]!.type.parameters.length;
        for (; this.#openCount < fields; this.#openCount++) out.i32BE(-1);
      } else if (form !== CellForm.Counter) {
        writeI32BE(out.bytes, this.#openStart, this.#openCount);
      }
      this.#set(before, this.#openStart, out.length);
    }
    this.#openSlot = slot;
    if (slot === NO_SLOT) return;
    const form = this.layout.forms[slot]!;
    this.#openStart = out.length;
    this.#openCount = 0;
    if (form === CellForm.List || form === CellForm.Set || form === CellForm.Map) {
      const at = out.reserve(COUNT_BYTES);
      out.length = at + COUNT_BYTES;
    }
  }

  #append(form: CellForm, out: ByteWriter): void {
    const { bytes, pathStart, pathEnd, valueStart, valueEnd } = this.#reader;
    switch (form) {
      case CellForm.Counter:
        appendCounter(bytes, valueStart, valueEnd, out);
        return;
      case CellForm.Udt: {
        const field = pathEnd - pathStart === 2 ? readU16BE(bytes, pathStart) : -1;
        const fields = this.layout.columns[this.#openSlot]!.type.parameters.length;
        if (field < this.#openCount || field >= fields) return; // a field that this version of the type does not have
        for (; this.#openCount < field; this.#openCount++) out.i32BE(-1);
        appendElement(bytes, valueStart, valueEnd, out);
        break;
      }
      case CellForm.List:
        appendElement(bytes, valueStart, valueEnd, out);
        break;
      default:
        appendElement(bytes, pathStart, pathEnd, out);
        if (form === CellForm.Map) appendElement(bytes, valueStart, valueEnd, out);
    }
    this.#openCount++;
  }

  /** Notes the current cell for the probes that ask for it. */
  #probe(): void {
    const reader = this.#reader;
    const { probes } = this.layout;
    for (let i = 0; i < probes.length; i++) {
      const probe = probes[i]!;
      if (probe.columnId !== reader.columnId || (probe.isElement && !this.#isPath(probe, this.probePaths[i]))) continue;
      const cell = this.probed[i]!;
      cell.isFound = true;
      cell.timestampHi = reader.timestampHi;
      cell.timestampLo = reader.timestampLo;
      cell.ttl = reader.ttl;
      cell.expiry = reader.time;
    }
  }

  #isPath(probe: CellProbe, path: Uint8Array | undefined): boolean {
    if (path === undefined) return false;
    const { bytes, pathStart, pathEnd } = this.#reader;
    if (probe.pathType === undefined) return equalBytes(bytes, pathStart, pathEnd, path, 0, path.length);
    return probe.pathType.compare(bytes, pathStart, pathEnd, path, 0, path.length) === 0;
  }
}

function appendElement(bytes: Uint8Array, start: number, end: number, out: ByteWriter): void {
  const at = out.reserve(4 + end - start);
  writeI32BE(out.bytes, at, end - start);
  copyBytes(bytes, start, end, out.bytes, at + 4);
  out.length = at + 4 + end - start;
}

/** The sum of a counter's shards, modulo 2^64. */
function appendCounter(bytes: Uint8Array, start: number, end: number, out: ByteWriter): void {
  let hi = 0;
  let lo = 0;
  const shards = Math.max(0, counterShardCount(bytes, start, end));
  for (let at = end - shards * COUNTER_SHARD_BYTES; at < end; at += COUNTER_SHARD_BYTES) {
    const sum = (lo >>> 0) + (readI32BE(bytes, at + 28) >>> 0);
    hi = (hi + readI32BE(bytes, at + 24) + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    lo = sum | 0;
  }
  out.i64BE(hi, lo);
}

const NOTHING = new Uint8Array(0);
