import { parseArgs } from 'node:util';
import { decodeCheckpoint } from '../commitlog/checkpoint-record.ts';
import { examineLog, type LogExamination } from '../commitlog/examine.ts';
import {
  decodeGroupClose,
  decodeGroupOpen,
  decodeRaftEntry,
  decodeRaftHard,
  decodeRaftSnapshot,
  decodeRaftTruncate,
  RaftEntryView,
} from '../commitlog/raft-records.ts';
import { RecordKind, recordKindName } from '../commitlog/record-kind.ts';
import { replayLog } from '../commitlog/replay.ts';
import { comparePositions, type ReplayPosition } from '../commitlog/replay-position.ts';
import { listSegmentFiles, segmentShard } from '../commitlog/segment.ts';
import { decodeCleanup, decodeSstableSet, decodeTruncate } from '../commitlog/table-records.ts';
import type { ByteCursor } from '../core/bytes.ts';
import { TesseraError } from '../core/errors.ts';
import { int64ToBigInt } from '../core/int64.ts';
import {
  MUTATION_HEAD_BYTES,
  mutationKeyLength,
  mutationSchemaVersion,
  mutationTokenHi,
  mutationTokenLo,
} from '../core/mutation/frozen-mutation.ts';
import { uuidText } from '../core/uuid-bytes.ts';
import { NodeFiles } from '../shards/host/node-files.ts';

/** Where a tool's output goes: whole lines, without their ends. */
export interface ToolOutput {
  line(text: string): void;
  error(text: string): void;
}

const USAGE =
  'usage: commitlog dump [--from SEGMENT:OFFSET] [--to SEGMENT:OFFSET] [--verify] [--skip-damaged] DIRECTORY';

/**
 * `tessera commitlog dump`: the records of a log directory as JSON lines, or with `--verify` one line per shard's log with
 * what a start would find. Reads only, needs no running node, takes any shard's segments and any host's.
 * @returns the exit code: 0, 2 for wrong usage, 5 for damage
 */
export async function commitlogDump(args: readonly string[], out: ToolOutput): Promise<number> {
  const options = parse(args);
  if (typeof options === 'string') {
    out.error(options);
    out.error(USAGE);
    return 2;
  }
  const files = new NodeFiles();
  try {
    const shards = new Set(listSegmentFiles(files, options.directory).map((file) => segmentShard(file.segmentId)));
    for (const shard of [...shards].sort((a, b) => a - b)) {
      const examination = examineLog({
        files,
        directory: options.directory,
        shard,
        shardCount: 256, // every shard's log by itself
        hostId: undefined,
        skipDamaged: options.skipDamaged,
      });
      if (options.verify) tellState(examination, out);
      else await dumpRecords(files, examination, options, out);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    out.error(error.message);
    return error.code === 'CORRUPT_FILE' ? 5 : 1;
  }
}

interface DumpOptions {
  readonly directory: string;
  readonly from: ReplayPosition;
  readonly to: ReplayPosition;
  readonly verify: boolean;
  readonly skipDamaged: boolean;
}

/** A text is what is wrong with the arguments. */
function parse(args: readonly string[]): DumpOptions | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        verify: { type: 'boolean' },
        'skip-damaged': { type: 'boolean' },
      },
    });
    if (positionals.length !== 1) return 'one directory is needed';
    const from = position(values.from ?? '0:0');
    const to = position(values.to ?? `${Number.MAX_SAFE_INTEGER}:0`);
    if (from === undefined || to === undefined) return 'a position is SEGMENT:OFFSET, two numbers';
    return {
      directory: positionals[0]!,
      from,
      to,
      verify: values.verify === true,
      skipDamaged: values['skip-damaged'] === true,
    };
  } catch (error) {
    return (error as Error).message;
  }
}

function position(text: string): ReplayPosition | undefined {
  const match = /^(\d+):(\d+)$/.exec(text);
  return match === null ? undefined : { segmentId: Number(match[1]), offset: Number(match[2]) };
}

function tellState(examination: LogExamination, out: ToolOutput): void {
  for (const { shard, kept, obsolete, torn, damaged } of examination.chains) {
    const segments = kept.map(({ file, end, runs }) => ({
      path: file.path,
      segmentId: file.segmentId,
      end,
      durableUpTo: runs.at(-1) && { segmentId: runs.at(-1)!.durableSegmentId, offset: runs.at(-1)!.durableOffset },
    }));
    out.line(
      JSON.stringify({ shard, segments, obsolete: obsolete.map((file) => file.path), torn: torn ?? null, damaged }),
    );
  }
}

async function dumpRecords(
  files: NodeFiles,
  examination: LogExamination,
  options: DumpOptions,
  out: ToolOutput,
): Promise<void> {
  const { from, to } = options;
  await replayLog(files, examination, {
    record: (kind, cursor, segmentId, offset) => {
      if (comparePositions(segmentId, offset, from.segmentId, from.offset) <= 0) return;
      if (comparePositions(segmentId, offset, to.segmentId, to.offset) > 0) return;
      const head = { segmentId, offset, shard: segmentShard(segmentId), kind: recordKindName(kind) };
      out.line(JSON.stringify({ ...head, ...fields(kind, cursor) }, plain));
    },
  });
}

/** The record's fields as they are printed: exact numbers, bytes as hex. */
function fields(kind: RecordKind, cursor: ByteCursor): object {
  switch (kind) {
    case RecordKind.Mutation:
      return mutationFields(cursor);
    case RecordKind.RaftEntry: {
      const view = new RaftEntryView();
      decodeRaftEntry(cursor, view);
      const payload = cursor.bytes.slice(view.payloadStart, view.payloadEnd);
      const { group, incarnation, term, index } = view;
      return { group, incarnation, term, index, entryKind: view.kind, payload };
    }
    case RecordKind.RaftHard:
      return decodeRaftHard(cursor);
    case RecordKind.RaftTruncate:
      return decodeRaftTruncate(cursor);
    case RecordKind.RaftSnapshot:
      return decodeRaftSnapshot(cursor);
    case RecordKind.GroupOpen:
      return decodeGroupOpen(cursor);
    case RecordKind.GroupClose:
      return decodeGroupClose(cursor);
    case RecordKind.Cleanup:
      return decodeCleanup(cursor);
    case RecordKind.Truncate:
      return decodeTruncate(cursor);
    case RecordKind.Checkpoint:
      return decodeCheckpoint(cursor);
    case RecordKind.SstableSet:
      return decodeSstableSet(cursor);
    default:
      return { payload: cursor.bytes.slice(cursor.pos, cursor.end) };
  }
}

function mutationFields({ bytes, pos, end }: ByteCursor): object {
  const keyEnd = pos + MUTATION_HEAD_BYTES + mutationKeyLength(bytes, pos);
  if (pos + MUTATION_HEAD_BYTES > end || keyEnd > end) return { malformed: bytes.slice(pos, end) };
  return {
    tableId: uuidText(bytes, pos + 8),
    schemaVersion: mutationSchemaVersion(bytes, pos),
    token: int64ToBigInt(mutationTokenHi(bytes, pos), mutationTokenLo(bytes, pos)),
    key: bytes.slice(pos + MUTATION_HEAD_BYTES, keyEnd),
    bytes: end - pos,
  };
}

/** JSON's forms: halves of an int64 and bigints as text, for readers whose numbers are doubles; bytes as hex. */
function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'object' && value !== null && 'hi' in value && 'lo' in value) {
    return String(int64ToBigInt(value.hi as number, value.lo as number));
  }
  return value;
}
