import type { LogExamination } from '../../commitlog/examine.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { replayLog } from '../../commitlog/replay.ts';
import { comparePositions } from '../../commitlog/replay-position.ts';
import { type CleanupRecord, decodeCleanup, decodeTruncate } from '../../commitlog/table-records.ts';
import { compareInt64 } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';

/** A TRUNCATE, or a CLEANUP with its range: what stands before it in the same log is void. */
interface LogVoid {
  readonly writer: number;
  readonly segmentId: number;
  readonly offset: number;
  readonly range: CleanupRecord['range'] | undefined;
}

/**
 * Which mutations of a log later records of it make void. Known before any of them is replayed, so that what is void never
 * reaches a memtable, nor the SSTables that a replay writes when memtables are full.
 */
export class LogVoids {
  readonly #byTable = new Map<string, LogVoid[]>();

  /** @throws CorruptFileError, UnsupportedFormatError, FileOperationError */
  async read(files: Files, examination: LogExamination): Promise<void> {
    let writer = -1;
    await replayLog(files, examination, {
      segment: (_segment, shard) => {
        writer = shard;
      },
      record: (kind, cursor, segmentId, offset) => {
        if (kind === RecordKind.Truncate) {
          this.#add(decodeTruncate(cursor).tableId, { writer, segmentId, offset, range: undefined });
        } else if (kind === RecordKind.Cleanup) {
          const { tableId, range } = decodeCleanup(cursor);
          this.#add(tableId, { writer, segmentId, offset, range });
        }
      },
    });
  }

  /** True when the mutation of this token, whose record ends at this position of the writer's log, is void. */
  covers(
    writer: number,
    tableId: string,
    tokenHi: number,
    tokenLo: number,
    segmentId: number,
    offset: number,
  ): boolean {
    const voids = this.#byTable.get(tableId);
    if (voids === undefined) return false;
    return voids.some(
      (each) =>
        each.writer === writer &&
        comparePositions(segmentId, offset, each.segmentId, each.offset) < 0 &&
        contains(each.range, tokenHi, tokenLo),
    );
  }

  #add(tableId: string, added: LogVoid): void {
    const voids = this.#byTable.get(tableId);
    if (voids === undefined) this.#byTable.set(tableId, [added]);
    else voids.push(added);
  }
}

function contains(range: CleanupRecord['range'] | undefined, hi: number, lo: number): boolean {
  if (range === undefined) return true;
  const { first, last } = range;
  return compareInt64(hi, lo, first.hi, first.lo) >= 0 && compareInt64(hi, lo, last.hi, last.lo) <= 0;
}
