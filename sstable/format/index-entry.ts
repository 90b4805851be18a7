import { type ByteWriter, readU16BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { writeUnsignedVint } from '../../core/vint.ts';
import { VintScanner } from './vint-scanner.ts';

/**
 * Index.db: one entry per partition, in order, back to back. Big endian.
 *
 *   u16    key length | key
 *   uvint  position of the partition in the uncompressed data
 *   uvint  bytes of the promoted index that follows, 0 for none (promoted-index.ts)
 */
export class IndexEntryReader {
  keyStart = 0;
  keyEnd = 0;
  dataPosition = 0;
  promotedBytes = 0;
  /** Where the entry's head ends and the promoted index begins. */
  at = 0;
  readonly #scanner: VintScanner = new VintScanner();

  /** Reads the head of the entry at bytes[pos]; false when the bytes end early. @throws CorruptFileError */
  read(bytes: Uint8Array, pos: number, end: number, path: string, base: number): boolean {
    const scanner = this.#scanner;
    if (end - pos < 2) return false;
    const keyStart = pos + 2;
    const keyEnd = keyStart + readU16BE(bytes, pos);
    if (keyEnd >= end) return false;
    const position = scanner.scan(bytes, keyEnd, end);
    if (position < 0) return false;
    const promoted = scanner.scan(bytes, scanner.at, end);
    if (promoted < 0) return false;
    if (position > Number.MAX_SAFE_INTEGER || promoted > Number.MAX_SAFE_INTEGER) {
      throw new CorruptFileError(path, base + keyEnd, 'position above 2^53 - 1');
    }
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.dataPosition = position;
    this.promotedBytes = promoted;
    this.at = scanner.at;
    return true;
  }
}

/** Appends the head of an entry. */
export function writeIndexEntry(
  out: ByteWriter,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  dataPosition: number,
  promotedBytes: number,
): void {
  out.u16BE(keyEnd - keyStart);
  out.raw(key, keyStart, keyEnd);
  writeUnsignedVint(out, dataPosition);
  writeUnsignedVint(out, promotedBytes);
}
