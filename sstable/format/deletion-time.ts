import { type ByteWriter, readI32BE, readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { MAX_EXPIRY, NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import type { VersionFeatures } from './version.ts';

/**
 * Deletion of a partition in Data.db, and in Index.db of an open range. Big endian.
 *
 *   before `oa`    i32 local deletion time | i64 markedForDeleteAt        live: 7fffffff 8000000000000000
 *   from `oa` on   0x80 for live, else  i64 markedForDeleteAt (not negative) | u32 local deletion time
 *
 * In memory a time is an unsigned number and NO_DELETION_TIME is "none"; in files before `oa` times are signed and
 * 2^31 - 1 is "none". A negative time there comes from an overflow (spec/sstable.md §6): a tombstone with one is refused.
 * @see Cassandra `DeletionTime.Serializer`, `LegacySerializer`
 */
export const LIVE_BYTE = 0x80;

const FILE_NO_TIME = 0x7fff_ffff;

/** Decodes one such field; made once per decoder, its fields are the last deletion read. */
export class DeletionTimeReader {
  hi: number = INT64_MIN_HI;
  lo: number = INT64_MIN_LO;
  time: number = NO_DELETION_TIME;
  /** Where the last field ended. */
  at = 0;
  readonly #unsigned: boolean;
  readonly #raw: boolean;

  /** @param raw times as the file has them, negative and "none" too, as u32 bit patterns: for dumps */
  constructor(version: VersionFeatures, raw: boolean) {
    this.#unsigned = version.hasUnsignedDeletionTime;
    this.#raw = raw;
  }

  /** False when the bytes end early. @throws CorruptFileError */
  read(bytes: Uint8Array, pos: number, end: number, path: string, base: number): boolean {
    if (pos >= end) return false;
    if (this.#unsigned) {
      const first = bytes[pos]!;
      if (first >= 0x80) {
        if (first !== LIVE_BYTE) throw new CorruptFileError(path, base + pos, 'deletion of no known form');
        this.#setLive();
        this.at = pos + 1;
        return true;
      }
      if (end - pos < 12) return false;
      this.hi = readI32BE(bytes, pos);
      this.lo = readI32BE(bytes, pos + 4);
      this.time = readU32BE(bytes, pos + 8);
    } else {
      if (end - pos < 12) return false;
      this.hi = readI32BE(bytes, pos + 4);
      this.lo = readI32BE(bytes, pos + 8);
      if (this.hi === INT64_MIN_HI && this.lo === INT64_MIN_LO) this.#setLive();
      else this.time = deletionTimeFromFile(readI32BE(bytes, pos), this.#unsigned, this.#raw, path, base + pos);
    }
    this.at = pos + 12;
    return true;
  }

  #setLive(): void {
    this.hi = INT64_MIN_HI;
    this.lo = INT64_MIN_LO;
    this.time = NO_DELETION_TIME;
  }
}

/** The time of a tombstone from its 32 bits in a file. @throws CorruptFileError for a negative one, unless `raw` */
export function deletionTimeFromFile(
  bits: number,
  unsigned: boolean,
  raw: boolean,
  path: string,
  offset: number,
): number {
  if (unsigned || raw) return bits >>> 0;
  if (bits < 0) throw new CorruptFileError(path, offset, `negative local deletion time ${bits}`);
  return bits === FILE_NO_TIME ? NO_DELETION_TIME : bits;
}

/** The expiry of a cell or liveness from its 32 bits in a file. An overflowed, negative one means long expired: 0. */
export function expiryFromFile(bits: number, unsigned: boolean, raw: boolean): number {
  if (unsigned || raw) return bits >>> 0;
  if (bits < 0) return 0;
  return bits === FILE_NO_TIME ? NO_DELETION_TIME : bits;
}

/** The form that files before `oa` have: "none" is 2^31 - 1, later times are capped below it. */
export function timeToFile(time: number): number {
  if (time <= MAX_EXPIRY) return time;
  return time === NO_DELETION_TIME ? FILE_NO_TIME : MAX_EXPIRY;
}

/** Appends a deletion in the form before `oa`. */
export function writeDeletionTime(out: ByteWriter, hi: number, lo: number, time: number): void {
  out.i32BE(hi === INT64_MIN_HI && lo === INT64_MIN_LO ? FILE_NO_TIME : timeToFile(time));
  out.i64BE(hi, lo);
}
