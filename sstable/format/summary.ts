import { ByteCursor, ByteWriter, readI32LE, readU32LE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { int64Hi, int64Lo } from '../../core/int64.ts';
import { comparePartition, Token, tokenOf } from '../../core/token.ts';
import { readBytes32, readI32, readSafeI64, writeSafeI64 } from './fields.ts';

/**
 * Summary.db: every 128th entry of Index.db. Big endian but where it says LE.
 *
 *   i32  min index interval, 128
 *   i32  entries n
 *   i64  bytes of the offset table and the entries
 *   i32  sampling level, 128 is full
 *   i32  entries at full sampling
 *   n x u32 LE   offset of each entry from the start of this table
 *   entries      key bytes without a length, u64 LE position in Index.db
 *   i32 length, first key of the SSTable
 *   i32 length, last key
 */
export interface Summary {
  readonly minIndexInterval: number;
  readonly samplingLevel: number;
  readonly sizeAtFullSampling: number;
  readonly entries: SummaryEntries;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

/** Sampled keys with their tokens and positions in Index.db, ascending; one growing array each, no object per entry. */
export class SummaryEntries {
  count = 0;
  readonly keys: ByteWriter = new ByteWriter(256);
  /** Key i is keys.bytes[keyEnds[i - 1], keyEnds[i]). */
  #keyEnds: Uint32Array = new Uint32Array(16);
  #tokenHi: Int32Array = new Int32Array(16);
  #tokenLo: Int32Array = new Int32Array(16);
  #positions: Float64Array = new Float64Array(16);
  readonly #token: Token = new Token();

  add(key: Uint8Array, start: number, end: number, position: number): void {
    const i = this.count;
    if (i === this.#keyEnds.length) this.#grow();
    this.keys.raw(key, start, end);
    this.#keyEnds[i] = this.keys.length;
    tokenOf(key, start, end, this.#token);
    this.#tokenHi[i] = this.#token.hi;
    this.#tokenLo[i] = this.#token.lo;
    this.#positions[i] = position;
    this.count = i + 1;
  }

  keyStart(i: number): number {
    return i === 0 ? 0 : this.#keyEnds[i - 1]!;
  }
  keyEnd(i: number): number {
    return this.#keyEnds[i]!;
  }
  position(i: number): number {
    return this.#positions[i]!;
  }

  /** The last entry at or before a partition, -1 when all are after it. */
  floor(tokenHi: number, tokenLo: number, key: Uint8Array, keyStart: number, keyEnd: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = comparePartition(
        this.#tokenHi[middle]!,
        this.#tokenLo[middle]!,
        this.keys.bytes,
        this.keyStart(middle),
        this.#keyEnds[middle]!,
        tokenHi,
        tokenLo,
        key,
        keyStart,
        keyEnd,
      );
      if (order <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #grow(): void {
    const size = this.#keyEnds.length * 2;
    const larger = <T extends Uint32Array | Int32Array | Float64Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.#keyEnds = larger(this.#keyEnds, new Uint32Array(size));
    this.#tokenHi = larger(this.#tokenHi, new Int32Array(size));
    this.#tokenLo = larger(this.#tokenLo, new Int32Array(size));
    this.#positions = larger(this.#positions, new Float64Array(size));
  }
}

/** What Tessera and Cassandra sample by. */
export const INDEX_INTERVAL = 128;
/** Sampling level of a summary that was not thinned out. */
export const FULL_SAMPLING = 128;

export function encodeSummary(summary: Summary): Uint8Array {
  const { entries } = summary;
  const { count, keys } = entries;
  const size = count * 12 + keys.length;
  const out = new ByteWriter(64 + size + summary.firstKey.length + summary.lastKey.length);
  out.i32BE(summary.minIndexInterval);
  out.i32BE(count);
  writeSafeI64(out, size);
  out.i32BE(summary.samplingLevel);
  out.i32BE(summary.sizeAtFullSampling);
  for (let i = 0; i < count; i++) out.i32LE(count * 4 + entries.keyStart(i) + i * 8);
  for (let i = 0; i < count; i++) {
    out.raw(keys.bytes, entries.keyStart(i), entries.keyEnd(i));
    out.i64LE(int64Hi(entries.position(i)), int64Lo(entries.position(i)));
  }
  for (const key of [summary.firstKey, summary.lastKey]) {
    out.i32BE(key.length);
    out.raw(key);
  }
  return out.toBytes();
}

/**
 * @param indexBytes size of Index.db, which positions must fit
 * @throws CorruptFileError
 */
export function decodeSummary(bytes: Uint8Array, path: string, indexBytes: number): Summary {
  const cursor = new ByteCursor(bytes, path);
  const minIndexInterval = readI32(cursor);
  const count = readI32(cursor);
  const size = readSafeI64(cursor);
  const samplingLevel = readI32(cursor);
  const sizeAtFullSampling = readI32(cursor);
  const table = cursor.pos;
  if (size < 0 || size > cursor.end - table) throw new CorruptFileError(path, 8, `${size} bytes of entries`);
  if (count < 0 || count * 12 > size) throw new CorruptFileError(path, 4, `${count} entries in ${size} bytes`);
  const entries = new SummaryEntries();
  readEntries(cursor, table, count, size, indexBytes, entries);
  cursor.pos = table + size;
  const firstKey = readBytes32(cursor);
  const lastKey = readBytes32(cursor);
  return { minIndexInterval, samplingLevel, sizeAtFullSampling, entries, firstKey, lastKey };
}

function readEntries(
  cursor: ByteCursor,
  table: number,
  count: number,
  size: number,
  indexBytes: number,
  into: SummaryEntries,
): void {
  const { bytes, path } = cursor;
  let before = -1;
  for (let i = 0; i < count; i++) {
    const start = readU32LE(bytes, table + i * 4);
    const end = i + 1 < count ? readU32LE(bytes, table + i * 4 + 4) : size;
    if (start < count * 4 || end > size || end - start < 8) {
      throw new CorruptFileError(path, table + i * 4, `entry at [${start}, ${end}) of ${size} bytes`);
    }
    const positionAt = table + end - 8;
    const position = readU32LE(bytes, positionAt) + readI32LE(bytes, positionAt + 4) * 0x1_0000_0000;
    if (position <= before || position >= indexBytes) {
      throw new CorruptFileError(path, positionAt, `index position ${position} of ${indexBytes} bytes`);
    }
    before = position;
    into.add(bytes, table + start, positionAt, position);
  }
}
