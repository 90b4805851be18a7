import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { type IndexFileEntry, indexFileEntries } from './index-file.ts';

/** Where a partition is, by Index.db. */
export interface IndexedPartition {
  readonly key: Uint8Array;
  readonly dataPosition: number;
  readonly promotedPosition: number;
  readonly promotedBytes: number;
}

/** Walks Index.db beside the data, forward only. Damage of the index ends it, and is told. */
export class IndexPositions {
  readonly #entries: Generator<IndexFileEntry, void, void> | undefined;
  readonly #note: (text: string) => void;
  #current: IndexedPartition | undefined;

  /** @param path undefined: there is no index */
  constructor(files: Files, path: string | undefined, note: (text: string) => void) {
    this.#entries = path === undefined ? undefined : indexFileEntries(files, path);
    this.#note = note;
    this.#advance();
  }

  /** The first entry at or after a position of the data; undefined when there is none. */
  atOrAfter(position: number): IndexedPartition | undefined {
    while (this.#current !== undefined && this.#current.dataPosition < position) this.#advance();
    return this.#current;
  }

  close(): void {
    this.#entries?.return();
  }

  #advance(): void {
    this.#current = undefined;
    try {
      const next = this.#entries?.next();
      if (next === undefined || next.done === true) return;
      const { bytes, entry, promotedPosition } = next.value;
      const { dataPosition, promotedBytes } = entry;
      this.#current = { key: bytes.slice(entry.keyStart, entry.keyEnd), dataPosition, promotedPosition, promotedBytes };
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.#note(error.message);
    }
  }
}
