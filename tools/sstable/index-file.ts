import { CorruptFileError } from '../../core/errors.ts';
import { type Files, OpenMode } from '../../core/ports/files.ts';
import { IndexEntryReader } from '../../sstable/format/index-entry.ts';

const READ_BYTES: number = 256 * 1024;

/** An entry of Index.db: the key is bytes[entry.keyStart, entry.keyEnd). Valid until the next entry is asked for. */
export interface IndexFileEntry {
  readonly bytes: Uint8Array;
  readonly entry: IndexEntryReader;
  /** Where the entry begins in the file, and its promoted index. */
  readonly position: number;
  readonly promotedPosition: number;
}

/**
 * The entries of an Index.db file by itself, whatever became of the other components. Promoted indexes are passed over without being
 * read. Blocking. @throws CorruptFileError after the last entry that is whole; FileOperationError
 */
export function* indexFileEntries(files: Files, path: string): Generator<IndexFileEntry, void, void> {
  const file = files.open(path, OpenMode.Read);
  try {
    const sizeBytes = files.sizeOf(file);
    const bytes = new Uint8Array(READ_BYTES);
    const entry = new IndexEntryReader();
    let base = 0; // file position of bytes[0]
    let end = 0;
    for (let position = 0; position < sizeBytes; ) {
      if (position < base || !entry.read(bytes, position - base, end, path, base)) {
        base = position;
        end = files.readSync(file, bytes, 0, READ_BYTES, base);
        if (!entry.read(bytes, 0, end, path, base)) throw new CorruptFileError(path, position, 'entry cut short');
      }
      const promotedPosition = base + entry.at;
      const next = promotedPosition + entry.promotedBytes;
      if (next > sizeBytes) throw new CorruptFileError(path, position, 'promoted index cut short');
      yield { bytes, entry, position, promotedPosition };
      position = next;
    }
  } finally {
    files.close(file);
  }
}
