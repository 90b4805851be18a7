import type { ByteWriter } from '../core/bytes.ts';
import type { Files } from '../core/ports/files.ts';
import type { Log } from '../core/ports/log.ts';
import type { Tasks } from '../core/ports/tasks.ts';
import type { LogExamination } from './examine.ts';

/** When an ordinary write counts as accepted: once written, synced at leisure; or once synced, at once or in a window. */
export const SyncMode = { Periodic: 'periodic', Batch: 'batch', Group: 'group' } as const;
export type SyncMode = (typeof SyncMode)[keyof typeof SyncMode];

/** Key of records that pin nothing: a CHECKPOINT tells what they say. */
export const NO_KEY = -1;

export interface CommitlogOptions {
  readonly files: Files;
  readonly tasks: Tasks;
  readonly log: Log;
  readonly shard: number;
  readonly shardCount: number;
  readonly hostId: string;
  /** Size of a segment; a record is at most half of it. A multiple of 4096. */
  readonly segmentBytes: number;
  /** Above this many bytes of segments the owner is asked to flush (`commitlog_total_space_in_mb`). */
  readonly totalBytes: number;
  readonly syncMode: SyncMode;
  /** Longest time that written bytes stay unsynced, in any mode (`commitlog_sync_period_in_ms`). */
  readonly syncPeriodMs: number;
  /** `group`: how long the first waiter lets others join (`commitlog_sync_group_window_in_ms`). */
  readonly groupWindowMs: number;
  /** What `examineLog` found in the directory, after it was replayed. */
  readonly examination: LogExamination;
  /** Ids start above this counter, whatever the directory says: the highest that SSTables speak of. */
  readonly leastCounter: number;
  /**
   * Appends the CHECKPOINT's payload (`encodeCheckpoint`) to `out`. Called when a segment is begun: on opening, and from
   * inside `append` before its record is taken. It must tell the state after all earlier appends and before that one.
   * CLEANUPs and TRUNCATEs that stand at or after segment `oldestNeeded` must be listed.
   */
  readonly checkpoint: (out: ByteWriter, oldestNeeded: number) => void;
  /** The log is above `totalBytes`: flush what `tracker.forEachOwner(oldestSegmentId, ...)` names. -1: nothing is dirty. */
  readonly onSpacePressure: (oldestSegmentId: number) => void;
}
