import { CellFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { COPY_FRAGMENTS, startedKey } from './copy-partitions.ts';
import { FileFragments } from './file-fragments.ts';
import { Progress } from './progress.ts';
import { Turns } from './turns.ts';

/** Partitions of each list. */
const LEADERS = 5;

export interface Leader {
  readonly key: string;
  readonly value: number;
}

/** What only reading every row of an SSTable tells. */
export interface ScanTotals {
  readonly partitions: number;
  readonly rows: number;
  readonly tombstones: number;
  readonly cells: number;
  /** By rows, by bytes of uncompressed data, by tombstones; greatest first. */
  readonly widest: readonly Leader[];
  readonly largest: readonly Leader[];
  readonly tombstoneLeaders: readonly Leader[];
}

/** @param sstable opened blocking and raw. @throws CorruptFileError, FileOperationError */
export async function scanTotals(sstable: SSTable, out: TextOutput): Promise<ScanTotals> {
  const widest = new Leaders();
  const largest = new Leaders();
  const deadest = new Leaders();
  const totals = { partitions: 0, rows: 0, tombstones: 0, cells: 0 };
  const stream = new FileFragments(sstable, undefined, COPY_FRAGMENTS);
  const progress = new Progress(out, `reading ${sstable.path}`);
  const batch = new RowBatch(COPY_FRAGMENTS);
  const row = new RowReader();
  const turns = new Turns();
  let key = '';
  let start = 0;
  let rows = 0;
  let tombstones = 0;
  let hasCells = false;
  try {
    while (stream.fill(batch) > 0) {
      for (let i = 0; i < batch.count; i++) {
        const hasBody = batch.bodyEnd[i]! > batch.bodyStart[i]!;
        switch (batch.kind[i]) {
          case FragmentKind.PartitionStart:
            key = startedKey(batch, i, sstable.table);
            start = stream.position(i);
            rows = 0;
            tombstones = hasBody ? 1 : 0;
            break;
          case FragmentKind.RangeChange:
            tombstones++;
            break;
          case FragmentKind.StaticRow:
          case FragmentKind.Row:
            row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
            hasCells = false;
            while (row.next()) {
              hasCells = true;
              if ((row.flags & CellFlag.ComplexDeletion) !== 0) continue;
              totals.cells++;
              if ((row.flags & CellFlag.Deleted) !== 0) tombstones++;
            }
            if (hasCells || row.rowFlags !== 0) rows++; // files with static columns have empty static rows
            break;
          default:
            totals.partitions++;
            totals.rows += rows;
            totals.tombstones += tombstones;
            widest.add(key, rows);
            largest.add(key, stream.position(i) + 1 - start);
            deadest.add(key, tombstones);
        }
      }
      progress.at(stream.progress);
      await turns.next();
      await out.drain();
    }
  } finally {
    progress.done();
    stream.close();
  }
  return {
    ...totals,
    widest: widest.list,
    largest: largest.list,
    tombstoneLeaders: deadest.list.filter(({ value }) => value > 0),
  };
}

class Leaders {
  readonly list: Leader[] = [];

  add(key: string, value: number): void {
    const { list } = this;
    if (list.length === LEADERS && list[LEADERS - 1]!.value >= value) return;
    const at = list.findIndex((leader) => leader.value < value);
    list.splice(at < 0 ? list.length : at, 0, { key, value });
    if (list.length > LEADERS) list.pop();
  }
}
