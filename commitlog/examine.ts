import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';
import type { Files } from '../core/ports/files.ts';
import { readDurableMarks } from './durable-mark.ts';
import { comparePositions, NO_POSITION, type ReplayPosition } from './replay-position.ts';
import {
  listSegmentFiles,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
  SegmentFileKind,
  segmentCounter,
  segmentFileName,
  segmentOwner,
  segmentShard,
} from './segment.ts';
import { type BatchRun, type SegmentScan, scanSegment } from './segment-scan.ts';

/**
 * What a log directory holds, decided before a single record is used. Reads only.
 *
 * The log of a shard is a chain: each segment's header names the one before and where that ends. Walking back from the
 * newest gives the segments of the log; files off the chain are tails that an earlier start has cut. The newest segment's
 * header also says from which segment on the log is needed (its CHECKPOINT tells the rest).
 *
 * Then every batch from there on is verified, in order. At the first bad place P:
 *   - some later whole batch or the mark calls a position after P durable: P had reached the disk, so this is damage;
 *   - else P is where the last crash tore the log: it ends there, and whatever follows is dropped, so that what is left is a
 *     prefix of what was written. If that drops the newest segment, the walk starts again from the one that is now newest.
 */

/** A segment that is part of the log. */
export interface KeptSegment {
  readonly file: SegmentFile;
  /** The log's bytes in this segment end here. */
  readonly end: number;
  readonly sizeBytes: number;
  readonly shardCount: number;
  /** Whole batches before `end`; more than one only where damage was skipped. */
  readonly runs: readonly BatchRun[];
}

export interface DamagedPlace {
  readonly path: string;
  readonly offset: number;
  readonly why: string;
}

/** One shard's log in the directory. */
export interface LogChain {
  readonly shard: number;
  /** By rising id; empty when nothing of it is needed. */
  readonly kept: readonly KeptSegment[];
  /** Files that hold nothing of the log: older than is needed, cut by a crash, not begun, or marked as replayed. */
  readonly obsolete: readonly SegmentFile[];
  /** Segments up to this id are marked as replayed elsewhere; 0 for none. */
  readonly replayedTo: number;
  /** Where a crash tore the log, undefined when it ends at a whole batch. */
  readonly torn: DamagedPlace | undefined;
  /** Not empty only with `skipDamaged`. */
  readonly damaged: readonly DamagedPlace[];
}

export interface LogExamination {
  readonly directory: string;
  /** Logs of other shards first (after a restart with fewer shards), one's own last. */
  readonly chains: readonly LogChain[];
  /** Free files, and half-made ones. */
  readonly spare: readonly SegmentFile[];
  /** Highest counter in any file name of one's own shard, 0 for none. */
  readonly highestCounter: number;
}

export interface ExamineOptions {
  readonly files: Files;
  readonly directory: string;
  readonly shard: number;
  readonly shardCount: number;
  /** A log that another host wrote is refused. Undefined: any, for tools. */
  readonly hostId: string | undefined;
  /** Goes on behind damage instead of refusing: what the damaged places held is lost. */
  readonly skipDamaged: boolean;
}

/**
 * Examines the logs that this shard has to replay.
 * @throws CorruptFileError at damage (unless skipped), naming the file and byte
 * @throws UnsupportedFormatError when another version or another host wrote the log
 * @throws FileOperationError when a file cannot be read, or the directory is absent
 */
export function examineLog(options: ExamineOptions): LogExamination {
  const { shard, shardCount } = options;
  const chainsOf = new Map<number, SegmentFile[]>();
  const replayedTo = new Map<number, number>();
  const spare: SegmentFile[] = [];
  let highestCounter = 0;
  for (const file of listSegmentFiles(options.files, options.directory)) {
    const writer = segmentShard(file.segmentId);
    if (segmentOwner(writer, shardCount) !== shard) continue;
    if (writer === shard) highestCounter = Math.max(highestCounter, segmentCounter(file.segmentId));
    if (file.kind === SegmentFileKind.Replayed) {
      replayedTo.set(writer, file.segmentId);
      continue;
    }
    if (file.kind !== SegmentFileKind.Live) {
      spare.push(file);
      continue;
    }
    const files = chainsOf.get(writer);
    if (files === undefined) chainsOf.set(writer, [file]);
    else files.push(file);
  }
  // A mark may be all that is left of a log.
  const marks = readDurableMarks(options.files, options.directory);
  for (const [writer, mark] of marks) {
    if (segmentOwner(writer, shardCount) !== shard) continue;
    if (mark.segmentId <= (replayedTo.get(writer) ?? 0)) marks.delete(writer);
    else if (!chainsOf.has(writer)) chainsOf.set(writer, []);
  }
  const writers = [...chainsOf.keys()].sort((a, b) => Number(a === shard) - Number(b === shard) || a - b);
  const chains = writers.map((writer) =>
    examineChain(options, writer, chainsOf.get(writer)!, replayedTo.get(writer) ?? 0, marks.get(writer) ?? NO_POSITION),
  );
  return { directory: options.directory, chains, spare, highestCounter };
}

/** A segment of the chain; `end` is what its successor says, Infinity when none does. */
interface Link {
  readonly scan: SegmentScan;
  readonly end: number;
}

function examineChain(
  options: ExamineOptions,
  shard: number,
  files: readonly SegmentFile[],
  replayedTo: number,
  mark: ReplayPosition,
): LogChain {
  const chain = walkBack(
    options,
    files.filter((file) => file.segmentId > replayedTo),
  );
  const evidence = durableBehind(chain, mark);
  let newest = chain.length - 1;
  for (;;) {
    const verdict = verify(options, chain, newest, evidence);
    if (verdict.tornAt < newest) {
      newest = verdict.tornAt;
      continue;
    }
    const { kept, damaged } = verdict;
    const lost = lostBehind(options, kept, mark);
    if (lost !== undefined) damaged.push(lost);
    const keptIds = new Set(kept.map((segment) => segment.file.segmentId));
    return {
      shard,
      kept,
      replayedTo,
      obsolete: files.filter((file) => !keptIds.has(file.segmentId)),
      torn: tornPlace(chain, newest, kept),
      damaged,
    };
  }
}

/** Scans the chain from the newest file back; the result rises in id. */
function walkBack(options: ExamineOptions, files: readonly SegmentFile[]): Link[] {
  const chain: Link[] = [];
  let end = Number.POSITIVE_INFINITY;
  for (let i = files.length - 1; i >= 0; ) {
    const file = files[i]!;
    const scan = scanSegment(options.files, file, end);
    checkHost(options, scan);
    chain.push({ scan, end });
    const { header } = scan;
    const previous = header?.previousSegmentId ?? -1;
    if (previous === 0) break;
    let next = i - 1;
    while (next >= 0 && previous > 0 && files[next]!.segmentId > previous) next--; // off the chain: tails cut before
    end = next >= 0 && files[next]!.segmentId === previous ? header!.previousEnd : Number.POSITIVE_INFINITY;
    i = next;
  }
  return chain.reverse();
}

function checkHost(options: ExamineOptions, scan: SegmentScan): void {
  const { header, file } = scan;
  if (header === undefined || options.hostId === undefined || header.hostId === options.hostId) return;
  throw new UnsupportedFormatError(file.path, `the log of host ${header.hostId}, this is ${options.hostId}`);
}

/** Per link and run, the furthest position that this run, everything after it and the mark call durable. */
function durableBehind(chain: readonly Link[], mark: ReplayPosition): ReplayPosition[][] {
  const behind: ReplayPosition[][] = chain.map(() => []);
  let furthest = mark;
  for (let i = chain.length - 1; i >= 0; i--) {
    const { runs } = chain[i]!.scan;
    behind[i]![runs.length] = furthest;
    for (let r = runs.length - 1; r >= 0; r--) {
      const run = runs[r]!;
      if (comparePositions(run.durableSegmentId, run.durableOffset, furthest.segmentId, furthest.offset) > 0) {
        furthest = { segmentId: run.durableSegmentId, offset: run.durableOffset };
      }
      behind[i]![r] = furthest;
    }
  }
  return behind;
}

interface Verdict {
  readonly kept: readonly KeptSegment[];
  /** Index in the chain of the segment in which the log ends; -1 when nothing is left. */
  readonly tornAt: number;
  readonly damaged: DamagedPlace[];
}

/** Verifies from the oldest segment that chain[newest] needs up to it. */
function verify(
  options: ExamineOptions,
  chain: readonly Link[],
  newest: number,
  evidence: ReplayPosition[][],
): Verdict {
  const kept: KeptSegment[] = [];
  const damaged: DamagedPlace[] = [];
  const report = (path: string, offset: number, why: string): void => {
    damaged.push(damage(options, path, offset, why));
  };
  const oldest = oldestNeededBy(chain, newest);
  let before: Link | undefined;
  for (let i = 0; i <= newest; i++) {
    const link = chain[i]!;
    const { scan, end } = link;
    const { segmentId } = scan.file;
    if (segmentId < oldest) continue;
    const missing = missingBefore(link, before, oldest);
    if (missing > 0) {
      // A name that was never durable, nor anything after it: the log ended before.
      if (evidence[i]![0]!.segmentId < missing) return { kept, tornAt: i - 1, damaged };
      report(
        `${options.directory}/${segmentFileName(SegmentFileKind.Live, missing)}`,
        0,
        'this segment of the log is missing',
      );
    }
    before = link;
    // Walk the places [0, header), runs; a place is bad when the next whole run does not begin where the last one ended.
    let at = scan.header === undefined ? 0 : SEGMENT_HEADER_BYTES;
    let count = 0;
    for (; count <= scan.runs.length; count++) {
      const run = scan.runs[count];
      if (run !== undefined && run.start === at) {
        at = run.end;
        continue;
      }
      if (run === undefined && at === end) break;
      const durable = evidence[i]![count]!;
      if (comparePositions(durable.segmentId, durable.offset, segmentId, at) <= 0) {
        keep(kept, scan, at, count);
        return { kept, tornAt: i, damaged };
      }
      // Where this segment ends is unknown if the next one's header is bad or its file missing: that is then what is reported.
      const isEnd = run === undefined && end === Number.POSITIVE_INFINITY && durable.segmentId > segmentId;
      if (!isEnd) report(scan.file.path, at, at === 0 ? 'bad segment header' : 'bad batch');
      if (run !== undefined) at = run.end;
    }
    keep(kept, scan, at, scan.runs.length);
  }
  return { kept, tornAt: newest, damaged };
}

/** @throws CorruptFileError unless damage is to be skipped */
function damage(options: ExamineOptions, path: string, offset: number, why: string): DamagedPlace {
  if (options.skipDamaged) return { path, offset, why };
  throw new CorruptFileError(path, offset, `${why}; records that had reached the disk are lost behind this place`);
}

/** The segment that the mark tells of, if the log ends before it. @throws CorruptFileError as `damage` */
function lostBehind(
  options: ExamineOptions,
  kept: readonly KeptSegment[],
  { segmentId }: ReplayPosition,
): DamagedPlace | undefined {
  if (segmentId <= (kept.at(-1)?.file.segmentId ?? 0)) return undefined;
  const path = `${options.directory}/${segmentFileName(SegmentFileKind.Live, segmentId)}`;
  return damage(options, path, 0, 'this segment, the newest of the log, is missing');
}

/** Adds the segment with its first `runCount` runs; a file in which not even the header is right is not part of the log. */
function keep(kept: KeptSegment[], scan: SegmentScan, end: number, runCount: number): void {
  if (scan.header === undefined && runCount === 0) return;
  const shardCount = scan.header?.shardCount ?? 0;
  kept.push({ file: scan.file, end, sizeBytes: scan.sizeBytes, shardCount, runs: scan.runs.slice(0, runCount) });
}

/** From which segment on the log is needed, as the newest whole CHECKPOINT at or before chain[newest] says. */
function oldestNeededBy(chain: readonly Link[], newest: number): number {
  for (let i = newest; i >= 0; i--) {
    const { header, hasCheckpoint } = chain[i]!.scan;
    if (header !== undefined && hasCheckpoint) return header.oldestNeeded;
  }
  return 0;
}

/** Id of a segment that should stand before `link` and does not, else 0. */
function missingBefore(link: Link, before: Link | undefined, oldest: number): number {
  const { header, file } = link.scan;
  if (before === undefined) {
    if (oldest > 0 && file.segmentId !== oldest) return oldest;
    return 0;
  }
  if (header === undefined || header.previousSegmentId === before.scan.file.segmentId) return 0;
  return header.previousSegmentId;
}

function tornPlace(chain: readonly Link[], newest: number, kept: readonly KeptSegment[]): DamagedPlace | undefined {
  const last = chain[newest];
  if (last === undefined) return undefined;
  const end = kept.at(-1);
  const isDropped = end?.file !== last.scan.file;
  const hasMore =
    last.scan.hasTornTail ||
    last.scan.runs.length > (isDropped ? 0 : end.runs.length) ||
    chain.slice(newest + 1).some((link) => link.scan.runs.length > 0);
  if (!hasMore) return undefined;
  return {
    path: last.scan.file.path,
    offset: isDropped ? 0 : end.end,
    why: 'the last writes before a crash did not reach the disk whole',
  };
}
