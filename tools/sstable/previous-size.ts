import { ByteWriter, readU16BE } from '../../core/bytes.ts';
import type { BlockWindow } from '../../sstable/block-window.ts';
import type { ClusteringCodec } from '../../sstable/format/clustering.ts';
import { ExtendedFlag, UnfilteredFlag } from '../../sstable/format/data.ts';
import { VintScanner } from '../../sstable/format/vint-scanner.ts';
import { makeCodec, type SSTableParts } from '../../sstable/sstable-parts.ts';

/** Reads what an unfiltered says of the size of the one before it, which readers that go forward do not need. */
export class PreviousSizeReader {
  readonly #path: string;
  readonly #codec: ClusteringCodec;
  readonly #scanner: VintScanner = new VintScanner();
  readonly #scratch: ByteWriter = new ByteWriter(256);

  constructor(parts: SSTableParts) {
    this.#path = parts.data.path;
    this.#codec = makeCodec(parts);
  }

  /** Of the unfiltered at the window's position, a row or marker, all of which is there. */
  read({ bytes, pos, end, base }: BlockWindow): number {
    const flags = bytes[pos]!;
    let p = pos + 1;
    let count = this.#codec.columnCount;
    if ((flags & UnfilteredFlag.IsMarker) !== 0) {
      count = readU16BE(bytes, p + 1);
      p += 3;
    } else if ((flags & UnfilteredFlag.Extended) !== 0 && (bytes[p++]! & ExtendedFlag.IsStatic) !== 0) {
      count = 0;
    }
    if (count > 0) {
      this.#scratch.clear();
      this.#codec.decode(bytes, p, end, count, this.#scratch, this.#path, base);
      p = this.#codec.at;
    }
    this.#scanner.scan(bytes, p, end); // the body's size
    return this.#scanner.scan(bytes, this.#scanner.at, end);
  }
}
