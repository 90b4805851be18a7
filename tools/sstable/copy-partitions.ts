import { assert } from '../../core/assert.ts';
import { CorruptFileError, TesseraError } from '../../core/errors.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { SSTableWriter } from '../../sstable/writer.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { FragmentOrder } from './fragment-order.ts';
import type { FragmentStream } from './fragment-stream.ts';
import { keyText, partitionKeyValues } from './key-text.ts';
import { Progress } from './progress.ts';
import { Turns } from './turns.ts';

/** Fragments that are held at once. */
export const COPY_FRAGMENTS = 256;

/** Says, at a partition's start, which SSTable it belongs to; undefined: it is left out. */
export type PartitionRoute = (batch: RowBatch, i: number) => SSTableWriter | undefined;

/**
 * Copies the partitions of a stream into SSTables, a batch at a time; closes the stream. An error names the partition that was read last.
 * @param what the stream is called, for messages
 * @param misplaced makes the error for a fragment that may not come where it does
 * @throws CorruptFileError when the stream is not in order, or from reading it; FileOperationError
 */
export async function copyPartitions(
  stream: FragmentStream,
  table: TableDescriptor,
  route: PartitionRoute,
  what: string,
  out: TextOutput,
  misplaced: (position: number, why: string) => TesseraError = (position, why) =>
    new CorruptFileError(what, position, `uncompressed data: ${why}`),
): Promise<void> {
  const batch = new RowBatch(COPY_FRAGMENTS);
  const runs = new RunCopier();
  const turns = new Turns();
  const order = new FragmentOrder(table);
  const progress = new Progress(out, what);
  let target: SSTableWriter | undefined;
  let lastKey: string | undefined;
  try {
    while (stream.fill(batch) > 0) {
      let from = 0;
      for (let i = 0; i < batch.count; i++) {
        const why = order.check(batch, i);
        if (why !== undefined) throw misplaced(Math.max(0, stream.position(i)), why);
        if (batch.kind[i] !== FragmentKind.PartitionStart) continue;
        runs.copy(batch, from, i, target);
        from = i;
        lastKey = startedKey(batch, i, table);
        target = route(batch, i);
      }
      runs.copy(batch, from, batch.count, target);
      progress.at(stream.progress);
      await turns.next();
      await out.drain();
    }
  } catch (error) {
    if (error instanceof TesseraError && lastKey !== undefined) out.error(`last partition read: ${lastKey}`);
    throw error;
  } finally {
    progress.done();
    stream.close();
  }
}

/** Text of the key of a PartitionStart. */
export function startedKey(batch: RowBatch, i: number, { partitionKey }: TableDescriptor): string {
  const start = batch.positionStart[i]!;
  return keyText(partitionKeyValues(batch.bytes, start, batch.positionEnd[i]!, partitionKey.length), partitionKey);
}

/** Hands runs of a batch to writers, which take whole batches. */
class RunCopier {
  readonly #scratch: RowBatch = new RowBatch(COPY_FRAGMENTS);

  copy(batch: RowBatch, from: number, to: number, target: SSTableWriter | undefined): void {
    if (target === undefined || from === to) return;
    if (from === 0 && to === batch.count) {
      target.append(batch);
      return;
    }
    for (let at = from; at < to; ) {
      this.#scratch.clear();
      const added = this.#scratch.addRun(batch, at, to);
      assert(added > 0, 'an empty batch has room');
      target.append(this.#scratch);
      at += added;
    }
  }
}
