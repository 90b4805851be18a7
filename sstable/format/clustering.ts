import { type ByteWriter, copyBytes, readU16BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { Int64Halves, writeVint64 } from '../../core/vint.ts';
import { VintScanner } from './vint-scanner.ts';

/**
 * Clustering values in Data.db and Index.db, from and to the prefixes of core (u16 BE length and bytes per value).
 *
 *   per group of up to 32 values:
 *     uvint  bit 2i: value i of the group is empty; bit 2i + 1: it is null
 *     the values that are neither, raw where the type has a fixed length, else with a uvint length before them
 *
 * A null is legal after the last value that is not one only (COMPACT STORAGE): a shorter prefix stands for it.
 * @see spec/sstable.md §8.4; Cassandra `ClusteringPrefix.Serializer`
 */
export class ClusteringCodec {
  /** Of each clustering column: bytes of every value, or -1. */
  readonly #fixedLengths: Int32Array;
  readonly #scanner: VintScanner = new VintScanner();
  readonly #bits: Int64Halves = new Int64Halves();
  /** Where the last `decode` ended. */
  at = 0;

  constructor(fixedLengths: readonly number[]) {
    this.#fixedLengths = Int32Array.from(fixedLengths);
  }

  get columnCount(): number {
    return this.#fixedLengths.length;
  }

  /**
   * Appends the prefix of `count` values at bytes[pos] to `out` and sets `at`. False when bytes end before them (`out` may
   * then hold a part).
   * @param base file position of bytes[0]
   * @throws CorruptFileError for what no writer makes
   */
  decode(
    bytes: Uint8Array,
    pos: number,
    end: number,
    count: number,
    out: ByteWriter,
    path: string,
    base: number,
  ): boolean {
    const scanner = this.#scanner;
    let p = pos;
    let sawNull = false;
    let hi = 0;
    let lo = 0;
    for (let i = 0; i < count; i++) {
      const inGroup = i & 31;
      if (inGroup === 0) {
        if (!scanner.scan64(bytes, p, end, this.#bits)) return false;
        p = scanner.at;
        hi = this.#bits.hi;
        lo = this.#bits.lo;
      }
      const bits = (inGroup < 16 ? lo >>> (inGroup * 2) : hi >>> ((inGroup - 16) * 2)) & 3;
      if ((bits & 2) !== 0) {
        sawNull = true;
        continue;
      }
      if (sawNull) throw new CorruptFileError(path, base + p, 'clustering value after a null one');
      let length = 0;
      if (bits === 0) {
        length = this.#fixedLengths[i]!;
        if (length < 0) {
          length = scanner.scan(bytes, p, end);
          if (length < 0) return false;
          if (length > 0xffff) throw new CorruptFileError(path, base + p, `clustering value of ${length} bytes`);
          p = scanner.at;
        }
        if (length > end - p) return false;
      }
      const o = out.reserve(2 + length);
      const target = out.bytes;
      target[o] = length >>> 8;
      target[o + 1] = length;
      copyBytes(bytes, p, p + length, target, o + 2);
      out.length = o + 2 + length;
      p += length;
    }
    this.at = p;
    return true;
  }

  /**
   * Appends the file form of the prefix bytes[start, end). `count` values are written: those that the prefix lacks as null.
   */
  encode(bytes: Uint8Array, start: number, end: number, count: number, out: ByteWriter): void {
    let group = start;
    for (let first = 0; first < count; first += 32) {
      const last = first + 32 < count ? first + 32 : count;
      let hi = 0;
      let lo = 0;
      let p = group;
      for (let i = first; i < last; i++) {
        let bits = 0;
        if (p >= end) {
          bits = 2;
        } else {
          const length = readU16BE(bytes, p);
          if (length === 0) bits = 1;
          p += 2 + length;
        }
        if (i - first < 16) lo |= bits << ((i - first) * 2);
        else hi |= bits << ((i - first - 16) * 2);
      }
      writeVint64(out, hi, lo);
      p = group;
      for (let i = first; i < last && p < end; i++) {
        const length = readU16BE(bytes, p);
        p += 2;
        if (length !== 0) {
          if (this.#fixedLengths[i]! < 0) writeVint64(out, 0, length);
          out.raw(bytes, p, p + length);
        }
        p += length;
      }
      group = p;
    }
  }
}

/** Number of values in the prefix bytes[start, end). */
export function prefixValueCount(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let p = start; p < end; p += 2 + readU16BE(bytes, p)) count++;
  return count;
}
