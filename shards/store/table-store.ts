import type { RowBatch } from '../../core/read/row-batch.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { tabletOfToken, tabletTokenRange } from '../../core/token.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import type { StorageGroup } from './storage-group.ts';

/** A shard's tablets of one table, as one source of rows. */
export class TableStore implements RowSource {
  descriptor: TableDescriptor;
  readonly idBytes: Uint8Array;
  readonly directory: string;
  readonly tabletCount: number;
  /** By tablet; undefined where another shard has it. */
  readonly groups: readonly (StorageGroup | undefined)[];
  /** Reads of this table fail with it: an SSTable that does not open. */
  failure: Error | undefined;
  /** Background work leaves it alone from now on. */
  isDropped = false;

  constructor(descriptor: TableDescriptor, directory: string, groups: readonly (StorageGroup | undefined)[]) {
    this.descriptor = descriptor;
    this.idBytes = uuidBytes(descriptor.id);
    this.directory = directory;
    this.tabletCount = groups.length;
    this.groups = groups;
  }

  /** The group that owns a token, undefined when another shard does. */
  groupOf(tokenHi: number): StorageGroup | undefined {
    return this.groups[tabletOfToken(tokenHi, this.tabletCount)];
  }

  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    if (this.failure !== undefined) throw this.failure;
    return this.groupOf(tokenHi)?.openPartition(tokenHi, tokenLo, key, keyStart, keyEnd, slice);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    if (this.failure !== undefined) throw this.failure;
    const first = tabletOfToken(range.startHi, this.tabletCount);
    const last = tabletOfToken(range.endHi, this.tabletCount);
    if (first === last)
      return this.groups[first]?.openScan(range, slice) ?? new TabletsCursor(this, range, slice, 1, 0);
    return new TabletsCursor(this, range, slice, first, last);
  }
}

/** The scans of several tablets, one after the other, each opened when its turn comes. */
class TabletsCursor implements RowCursor {
  readonly #table: TableStore;
  readonly #range: TokenRange;
  readonly #slice: PartitionSlice;
  readonly #first: number;
  readonly #last: number;
  #next: number;
  #current: RowCursor | undefined;

  constructor(table: TableStore, range: TokenRange, slice: PartitionSlice, first: number, last: number) {
    this.#table = table;
    this.#range = range;
    this.#slice = slice;
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  fill(batch: RowBatch): number {
    for (;;) {
      if (this.#current !== undefined) {
        const added = this.#current.fill(batch);
        if (added !== 0) return added;
        this.#current.close();
        this.#current = undefined;
      }
      if (this.#next > this.#last) return 0;
      this.#open(this.#next++);
    }
  }

  async load(): Promise<void> {
    await this.#current?.load();
  }

  skipPartition(): void {
    this.#current?.skipPartition();
  }

  close(): void {
    this.#current?.close();
    this.#current = undefined;
    this.#next = this.#last + 1;
  }

  #open(tablet: number): void {
    const { startHi, startLo, startKey, startInclusive, endHi, endLo, endInclusive } = this.#range;
    let range = tabletTokenRange(tablet, this.#table.tabletCount);
    if (tablet === this.#first) range = { ...range, startHi, startLo, startKey, startInclusive };
    if (tablet === this.#last) range = { ...range, endHi, endLo, endInclusive };
    this.#current = this.#table.groups[tablet]?.openScan(range, this.#slice);
  }
}
