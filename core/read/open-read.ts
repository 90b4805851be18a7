import { assert } from '../assert.ts';
import type { ClusteringComparator } from '../schema/clustering-comparator.ts';
import { Token, tokenOf } from '../token.ts';
import { type PartitionRef, type ReadCommand, ReadKind } from './read-command.ts';
import { resumeSlice } from './resume-slice.ts';
import type { RowBatch } from './row-batch.ts';
import type { RowCursor } from './row-cursor.ts';
import type { RowSource } from './row-source.ts';
import type { PartitionSlice } from './slice.ts';

/**
 * Opens what a command reads of one source, in the order in which the answer has it: the partitions of its list one after
 * the other, or the partitions of its range. A partition that an earlier page began goes on after that page's last row.
 * The command must have passed `checkReadCommand`. Limits are not applied: whoever makes the page does (`page-builder.ts`).
 */
export function openRead(source: RowSource, command: ReadCommand, comparator: ClusteringComparator): RowCursor {
  const { range, slice, resume, partitions } = command;
  if (command.kind === ReadKind.Partitions || range === undefined) {
    if (partitions.length > 1) return new PartitionsCursor(source, command, comparator);
    const rest = resume === undefined ? slice : resumeSlice(slice, resume, comparator);
    return openPartition(source, partitions[0]!, rest) ?? NO_ROWS;
  }
  if (resume === undefined) return source.openScan(range, slice);
  const { startKey } = range;
  assert(startKey !== undefined, 'a resumed scan starts with a partition');
  const token = new Token();
  tokenOf(startKey, 0, startKey.length, token);
  const begun = { tokenHi: token.hi, tokenLo: token.lo, key: startKey };
  return new ResumedScan(
    openPartition(source, begun, resumeSlice(slice, resume, comparator)),
    source.openScan({ ...range, startInclusive: false }, slice),
  );
}

function openPartition(
  source: RowSource,
  partition: PartitionRef,
  slice: PartitionSlice | undefined,
): RowCursor | undefined {
  if (slice === undefined) return undefined;
  const { tokenHi, tokenLo, key } = partition;
  return source.openPartition(tokenHi, tokenLo, key, 0, key.length, slice);
}

/** Of a partition that is not there. */
const NO_ROWS: RowCursor = {
  fill: () => 0,
  load: () => Promise.resolve(),
  skipPartition(): void {},
  close(): void {},
};

/** Opens each partition when the one before is at its end. */
class PartitionsCursor implements RowCursor {
  readonly #source: RowSource;
  readonly #command: ReadCommand;
  readonly #comparator: ClusteringComparator;
  #next = 0;
  #current: RowCursor | undefined;

  constructor(source: RowSource, command: ReadCommand, comparator: ClusteringComparator) {
    this.#source = source;
    this.#command = command;
    this.#comparator = comparator;
  }

  fill(batch: RowBatch): number {
    for (;;) {
      if (this.#current !== undefined) {
        const added = this.#current.fill(batch);
        if (added !== 0) return added;
        this.#current.close();
        this.#current = undefined;
      }
      if (this.#next === this.#command.partitions.length) return 0;
      this.#open();
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
    this.#next = this.#command.partitions.length;
  }

  #open(): void {
    const { partitions, resume } = this.#command;
    let slice: PartitionSlice | undefined = this.#command.slice;
    if (this.#next === 0 && resume !== undefined) slice = resumeSlice(slice, resume, this.#comparator);
    const partition = partitions[this.#next++]!;
    this.#current = openPartition(this.#source, partition, slice);
  }
}

/** The rest of a partition, then the partitions after it. */
class ResumedScan implements RowCursor {
  #begun: RowCursor | undefined;
  readonly #scan: RowCursor;

  constructor(begun: RowCursor | undefined, scan: RowCursor) {
    this.#begun = begun;
    this.#scan = scan;
  }

  fill(batch: RowBatch): number {
    if (this.#begun !== undefined) {
      const added = this.#begun.fill(batch);
      if (added !== 0) return added;
      this.#begun.close();
      this.#begun = undefined;
    }
    return this.#scan.fill(batch);
  }

  load(): Promise<void> {
    return (this.#begun ?? this.#scan).load();
  }

  skipPartition(): void {
    (this.#begun ?? this.#scan).skipPartition();
  }

  close(): void {
    this.#begun?.close();
    this.#begun = undefined;
    this.#scan.close();
  }
}
