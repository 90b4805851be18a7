import { ByteWriter, readU16BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { Int64Halves, unZigZag, writeUnsignedVint, writeVint64, zigZag } from '../../core/vint.ts';
import { type ClusteringCodec, prefixValueCount } from './clustering.ts';
import { BoundKind, kindWeight } from './data.ts';
import { type DeletionTimeReader, writeDeletionTime } from './deletion-time.ts';
import { VintScanner } from './vint-scanner.ts';

/**
 * Promoted index: the blocks of one large partition, inside its entry of Index.db. Big endian.
 *
 *   uvint  header length: offset of the first clustered unfiltered from the partition's start
 *   dtime  partition deletion (deletion-time.ts)
 *   uvint  blocks n
 *   n blocks
 *   n x i32  offset of each block from the start of the first one
 *
 * Block:
 *   prefix first, prefix last   u8 kind | [u16 values unless the kind is a row's] | clustering values
 *   uvint  offset from the partition's start
 *   svint  width - 65536
 *   bool   a range deletion is open at the block's end | [dtime of it]
 *
 * A block ends after the unfiltered with which it reaches 64 KiB. Blocks are contiguous; the last one's width may or may
 * not include the end-of-partition byte.
 * @see Cassandra `IndexInfo`, `RowIndexEntry`; spec/sstable.md §9
 */
/** The usual size of a block. */
export const INDEX_BLOCK_BYTES: number = 64 * 1024;
const WIDTH_BASE = 65_536;

/** Collects the blocks of the partition that is being written. One per writer, used again. */
export class PromotedIndexBuilder {
  readonly #codec: ClusteringCodec;
  readonly #columnCount: number;
  readonly #blockBytes: number;
  readonly #blocks: ByteWriter = new ByteWriter(1024);
  readonly #offsets: ByteWriter = new ByteWriter(64);
  readonly #first: ByteWriter = new ByteWriter(64);
  readonly #last: ByteWriter = new ByteWriter(64);
  #firstKind = 0;
  #lastKind = 0;
  #blockStart = 0;
  #headerBytes = 0;
  #count = 0;
  readonly #width: Int64Halves = new Int64Halves();

  /** @param blockBytes a block ends with the unfiltered that reaches this size */
  constructor(codec: ClusteringCodec, blockBytes: number) {
    this.#codec = codec;
    this.#columnCount = codec.columnCount;
    this.#blockBytes = blockBytes;
  }

  /** Number of finished blocks. */
  get count(): number {
    return this.#count;
  }

  /** @param headerBytes offset of the first clustered unfiltered from the partition's start */
  begin(headerBytes: number): void {
    this.#blocks.clear();
    this.#offsets.clear();
    this.#headerBytes = headerBytes;
    this.#blockStart = headerBytes;
    this.#firstKind = -1;
    this.#count = 0;
  }

  /**
   * Notes an unfiltered that was written: a row or marker of `kind` at `bytes[start, end)`, which ends `endOffset` bytes from
   * the partition's start; (hi, lo, time) is the range deletion open after it.
   */
  add(
    kind: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endOffset: number,
    hi: number,
    lo: number,
    time: number,
  ): void {
    if (this.#firstKind < 0) {
      this.#firstKind = kind;
      this.#first.clear();
      this.#first.raw(bytes, start, end);
    }
    this.#lastKind = kind;
    this.#last.clear();
    this.#last.raw(bytes, start, end);
    if (endOffset - this.#blockStart >= this.#blockBytes) this.#finishBlock(endOffset, hi, lo, time);
  }

  /**
   * Ends the partition, whose end byte lies before `endOffset`, and appends the promoted index to `out`.
   * @returns its bytes; 0 when the partition has fewer than two blocks
   */
  finish(endOffset: number, deletionHi: number, deletionLo: number, deletionTime: number, out: ByteWriter): number {
    if (this.#count === 0) return 0;
    if (this.#firstKind >= 0) this.#finishBlock(endOffset, INT64_MIN_HI, INT64_MIN_LO, 0);
    if (this.#count < 2) return 0;
    const start = out.length;
    writeUnsignedVint(out, this.#headerBytes);
    writeDeletionTime(out, deletionHi, deletionLo, deletionTime);
    writeUnsignedVint(out, this.#count);
    out.raw(this.#blocks.bytes, 0, this.#blocks.length);
    out.raw(this.#offsets.bytes, 0, this.#offsets.length);
    return out.length - start;
  }

  #finishBlock(endOffset: number, hi: number, lo: number, time: number): void {
    const out = this.#blocks;
    this.#offsets.i32BE(out.length);
    this.#prefix(this.#firstKind, this.#first);
    this.#prefix(this.#lastKind, this.#last);
    writeUnsignedVint(out, this.#blockStart);
    const width = endOffset - this.#blockStart - WIDTH_BASE;
    this.#width.hi = width < 0 ? -1 : Math.floor(width / 0x1_0000_0000);
    this.#width.lo = width | 0;
    zigZag(this.#width);
    writeVint64(out, this.#width.hi, this.#width.lo);
    const isOpen = hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
    out.u8(isOpen ? 1 : 0);
    if (isOpen) writeDeletionTime(out, hi, lo, time);
    this.#count++;
    this.#blockStart = endOffset;
    this.#firstKind = -1;
  }

  #prefix(kind: number, prefix: ByteWriter): void {
    const out = this.#blocks;
    out.u8(kind);
    let count = this.#columnCount;
    if (kind !== BoundKind.Clustering) {
      count = prefixValueCount(prefix.bytes, 0, prefix.length);
      out.u16BE(count);
    }
    this.#codec.encode(prefix.bytes, 0, prefix.length, count, out);
  }
}

/** Decodes the head and single blocks of a promoted index. One per cursor, used again; its fields are what was read last. */
export class PromotedIndexReader {
  headerBytes = 0;
  blockCount = 0;
  /** Where the head or block that was read ends. */
  at = 0;

  /** The block's least and greatest position, as core's prefixes. */
  readonly first: ByteWriter = new ByteWriter(64);
  readonly last: ByteWriter = new ByteWriter(64);
  firstWeight = 0;
  lastWeight = 0;
  /** From the partition's start. */
  offset = 0;
  width = 0;
  /** The deletion open at the block's end, or (-2^63). */
  openHi: number = INT64_MIN_HI;
  openLo: number = INT64_MIN_LO;
  openTime = 0;

  readonly #codec: ClusteringCodec;
  readonly #deletion: DeletionTimeReader;
  readonly #scanner: VintScanner = new VintScanner();
  readonly #halves: Int64Halves = new Int64Halves();
  #weight = 0;

  constructor(codec: ClusteringCodec, deletion: DeletionTimeReader) {
    this.#codec = codec;
    this.#deletion = deletion;
  }

  /** False when the bytes end early. @throws CorruptFileError */
  readHead(bytes: Uint8Array, pos: number, end: number, path: string, base: number): boolean {
    const scanner = this.#scanner;
    const headerBytes = scanner.scan(bytes, pos, end);
    if (headerBytes < 0 || !this.#deletion.read(bytes, scanner.at, end, path, base)) return false;
    const count = scanner.scan(bytes, this.#deletion.at, end);
    if (count < 0) return false;
    if (count > 0x7fff_ffff || headerBytes > 0x7fff_ffff) {
      throw new CorruptFileError(path, base + pos, 'promoted index of impossible size');
    }
    this.headerBytes = headerBytes;
    this.blockCount = count;
    this.at = scanner.at;
    return true;
  }

  /** False when the bytes end early. @throws CorruptFileError */
  readBlock(bytes: Uint8Array, pos: number, end: number, path: string, base: number): boolean {
    const scanner = this.#scanner;
    if (!this.#prefix(bytes, pos, end, this.first, path, base)) return false;
    this.firstWeight = this.#weight;
    if (!this.#prefix(bytes, this.at, end, this.last, path, base)) return false;
    this.lastWeight = this.#weight;
    const offset = scanner.scan(bytes, this.at, end);
    if (offset < 0 || !scanner.scan64(bytes, scanner.at, end, this.#halves)) return false;
    let p = scanner.at;
    if (p >= end) return false;
    unZigZag(this.#halves);
    const width = this.#halves.hi * 0x1_0000_0000 + (this.#halves.lo >>> 0) + WIDTH_BASE;
    if (offset > Number.MAX_SAFE_INTEGER || width <= 0 || width > Number.MAX_SAFE_INTEGER) {
      throw new CorruptFileError(path, base + pos, 'block of impossible place');
    }
    this.offset = offset;
    this.width = width;
    if (bytes[p++] !== 0) {
      const deletion = this.#deletion;
      if (!deletion.read(bytes, p, end, path, base)) return false;
      p = deletion.at;
      this.openHi = deletion.hi;
      this.openLo = deletion.lo;
      this.openTime = deletion.time;
    } else {
      this.openHi = INT64_MIN_HI;
      this.openLo = INT64_MIN_LO;
    }
    this.at = p;
    return true;
  }

  #prefix(bytes: Uint8Array, pos: number, end: number, into: ByteWriter, path: string, base: number): boolean {
    if (end - pos < 3) return false;
    const kind = bytes[pos]!;
    this.#weight = kindWeight(kind);
    const codec = this.#codec;
    let p = pos + 1;
    let count = codec.columnCount;
    if (kind !== BoundKind.Clustering) {
      if (kind === BoundKind.StaticClustering || kind > BoundKind.ExclStart) {
        throw new CorruptFileError(path, base + pos, `clustering of kind ${kind}`);
      }
      count = readU16BE(bytes, p);
      p += 2;
      if (count > codec.columnCount) throw new CorruptFileError(path, base + pos, `prefix of ${count} values`);
    }
    into.clear();
    if (!codec.decode(bytes, p, end, count, into, path, base)) return false;
    this.at = codec.at;
    return true;
  }
}
