import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { CellFlag, NO_DELETION_TIME, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { EncodingBase } from '../../sstable/format/row-encoder.ts';
import {
  DELETION_TIME_EPOCH,
  TIMESTAMP_EPOCH_HI,
  TIMESTAMP_EPOCH_LO,
} from '../../sstable/format/serialization-header.ts';

/**
 * The least timestamp and time of the fragments in a batch, as bases for an SSTable that begins with them: any bases are right, and those
 * close to the data make its file small. The epoch where there is none.
 */
export function leastBase(batch: RowBatch): EncodingBase {
  let hi: number = INT64_MAX_HI;
  let lo: number = INT64_MAX_LO;
  let time = NO_DELETION_TIME;
  const note = (noteHi: number, noteLo: number, noteTime: number) => {
    if (noteHi === INT64_MIN_HI && noteLo === INT64_MIN_LO) return;
    if (compareInt64(noteHi, noteLo, hi, lo) < 0) {
      hi = noteHi;
      lo = noteLo;
    }
    if (noteTime < time) time = noteTime;
  };
  const row = new RowReader();
  for (let i = 0; i < batch.count; i++) {
    const kind = batch.kind[i];
    if (kind === FragmentKind.PartitionStart || kind === FragmentKind.RangeChange) {
      note(batch.deletionHi(i), batch.deletionLo(i), batch.deletionTime(i));
    } else if (kind === FragmentKind.Row || kind === FragmentKind.StaticRow) {
      row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
      if ((row.rowFlags & RowFlag.Liveness) !== 0) note(row.livenessHi, row.livenessLo, row.livenessExpiry);
      note(row.deletionHi, row.deletionLo, row.deletionTime);
      note(row.shadowableHi, row.shadowableLo, row.shadowableTime);
      while (row.next()) {
        const hasTime = (row.flags & (CellFlag.Deleted | CellFlag.ComplexDeletion | CellFlag.Expiring)) !== 0;
        note(row.timestampHi, row.timestampLo, hasTime ? row.time : NO_DELETION_TIME);
      }
    }
  }
  const isKnown = hi !== INT64_MAX_HI || lo !== INT64_MAX_LO;
  return {
    minTimestampHi: isKnown ? hi : TIMESTAMP_EPOCH_HI,
    minTimestampLo: isKnown ? lo : TIMESTAMP_EPOCH_LO,
    minLocalDeletionTime: time === NO_DELETION_TIME ? DELETION_TIME_EPOCH : time,
    minTtl: 0,
  };
}
