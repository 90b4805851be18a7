import type { ByteCursor, ByteWriter } from '../core/bytes.ts';
import {
  type GroupOpenRecord,
  type RaftHardState,
  type RaftSnapshotState,
  readGroupOpenFields,
  readHardState,
  readSnapshotState,
  writeGroupOpenFields,
  writeHardState,
  writeSnapshotState,
} from './raft-records.ts';
import { endOfRecord, readList, readU32, readUint, writeList, writeUint } from './record-fields.ts';
import type { ReplayPosition } from './replay-position.ts';
import {
  type CleanupRecord,
  encodeCleanup,
  encodeTruncate,
  readCleanupFields,
  readTruncateFields,
  type TruncateRecord,
} from './table-records.ts';

/**
 * CHECKPOINT, the first record of every segment: the whole state that earlier segments would otherwise have to tell. It is
 * authoritative (settled question 26): at replay, groups that it does not list are gone, log entries outside its runs are
 * void, and mutations before the position of a listed CLEANUP or TRUNCATE that it covers are void.
 *
 *   list of groups      GROUP_OPEN's fields | RAFT_HARD's state | RAFT_SNAP's state |
 *                       list of runs: uint term, uint first index | uint last index
 *   list of cleanups    position | CLEANUP's fields
 *   list of truncates   position | TRUNCATE's fields
 *
 * Position: uint segment id | u32 offset.
 */

/** Entries from `firstIndex` up to the next run, or to the last index, have this term. */
export interface TermRun {
  readonly term: number;
  readonly firstIndex: number;
}

export interface CheckpointGroup extends GroupOpenRecord {
  readonly hard: RaftHardState;
  readonly snapshot: RaftSnapshotState;
  /** Rising in term and index; empty when the log is empty. */
  readonly runs: readonly TermRun[];
  /** Last index of the log; the snapshot's when the log is empty. */
  readonly lastIndex: number;
}

/** A CLEANUP or TRUNCATE with where in the log it stood: it voids what came before. */
export type Positioned<Payload> = Payload & { readonly position: ReplayPosition };

export interface Checkpoint {
  readonly groups: readonly CheckpointGroup[];
  /** Those younger than the oldest segment that is kept. */
  readonly cleanups: readonly Positioned<CleanupRecord>[];
  readonly truncates: readonly Positioned<TruncateRecord>[];
}

export const EMPTY_CHECKPOINT: Checkpoint = { groups: [], cleanups: [], truncates: [] };

const LEAST_GROUP_BYTES = 152;
const RUN_BYTES = 16;
const CLEANUP_BYTES = 44;
const TRUNCATE_BYTES = 36;

export function encodeCheckpoint(out: ByteWriter, checkpoint: Checkpoint): void {
  writeList(out, checkpoint.groups, writeGroup);
  writeList(out, checkpoint.cleanups, (to, cleanup) => {
    writePositionFields(to, cleanup.position);
    encodeCleanup(to, cleanup);
  });
  writeList(out, checkpoint.truncates, (to, truncate) => {
    writePositionFields(to, truncate.position);
    encodeTruncate(to, truncate);
  });
}

/** @throws CorruptFileError */
export function decodeCheckpoint(cursor: ByteCursor): Checkpoint {
  const checkpoint = {
    groups: readList(cursor, LEAST_GROUP_BYTES, readGroup),
    cleanups: readList(cursor, CLEANUP_BYTES, (from) => ({
      position: readPositionFields(from),
      ...readCleanupFields(from),
    })),
    truncates: readList(cursor, TRUNCATE_BYTES, (from) => ({
      position: readPositionFields(from),
      ...readTruncateFields(from),
    })),
  };
  endOfRecord(cursor);
  return checkpoint;
}

function writeGroup(out: ByteWriter, group: CheckpointGroup): void {
  writeGroupOpenFields(out, group);
  writeHardState(out, group.hard);
  writeSnapshotState(out, group.snapshot);
  writeList(out, group.runs, (to, run) => {
    writeUint(to, run.term);
    writeUint(to, run.firstIndex);
  });
  writeUint(out, group.lastIndex);
}

function readGroup(cursor: ByteCursor): CheckpointGroup {
  const opened = readGroupOpenFields(cursor);
  const hard = readHardState(cursor);
  const snapshot = readSnapshotState(cursor);
  const runs = readList(cursor, RUN_BYTES, (from) => ({ term: readUint(from), firstIndex: readUint(from) }));
  return { ...opened, hard, snapshot, runs, lastIndex: readUint(cursor) };
}

function writePositionFields(out: ByteWriter, position: ReplayPosition): void {
  writeUint(out, position.segmentId);
  out.i32LE(position.offset);
}

function readPositionFields(cursor: ByteCursor): ReplayPosition {
  return { segmentId: readUint(cursor), offset: readU32(cursor) };
}
