import type { ByteCursor, ByteWriter } from '../core/bytes.ts';
import { UUID_BYTES } from '../core/uuid-bytes.ts';
import {
  endOfRecord,
  readChoice,
  readList,
  readRange,
  readUint,
  readUuid,
  type TokenRange,
  writeList,
  writeRange,
  writeUint,
  writeUuidField,
} from './record-fields.ts';

/**
 * Records of tables; fields as in record-fields.ts. A MUTATION is a frozen mutation and nothing more.
 *
 *   CLEANUP       uuid table | token range: earlier mutations in the range are void
 *   TRUNCATE      uuid table | uint wall-clock microseconds: earlier mutations of the table are void
 *   SSTABLE_SET   uuid table | token range | u8 reason | list of uuid generations in | list of uuid generations out
 */

export interface CleanupRecord {
  readonly tableId: string;
  readonly range: TokenRange;
}

export interface TruncateRecord {
  readonly tableId: string;
  /** When, by the coordinator's clock: hints and batch log entries older than this are dropped. */
  readonly truncatedAtUs: number;
}

/** Why a tablet's set of SSTables changed. */
export const SstableSetReason = {
  Flush: 0,
  Compaction: 1,
  SnapshotReceived: 2,
  Cleanup: 3,
  Truncate: 4,
  Load: 5,
} as const;
export type SstableSetReason = (typeof SstableSetReason)[keyof typeof SstableSetReason];

/**
 * Commits a change of one tablet's SSTables: `added` are staged and synced before the record is written; once it is durable
 * they are renamed in and `removed` marked for deletion; recovery does that again (settled question 27).
 */
export interface SstableSetRecord {
  readonly tableId: string;
  readonly range: TokenRange;
  readonly reason: SstableSetReason;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export function encodeCleanup(out: ByteWriter, record: CleanupRecord): void {
  writeUuidField(out, record.tableId);
  writeRange(out, record.range);
}

/** @throws CorruptFileError */
export function decodeCleanup(cursor: ByteCursor): CleanupRecord {
  const record = readCleanupFields(cursor);
  endOfRecord(cursor);
  return record;
}

export function readCleanupFields(cursor: ByteCursor): CleanupRecord {
  return { tableId: readUuid(cursor), range: readRange(cursor) };
}

export function encodeTruncate(out: ByteWriter, record: TruncateRecord): void {
  writeUuidField(out, record.tableId);
  writeUint(out, record.truncatedAtUs);
}

/** @throws CorruptFileError */
export function decodeTruncate(cursor: ByteCursor): TruncateRecord {
  const record = readTruncateFields(cursor);
  endOfRecord(cursor);
  return record;
}

export function readTruncateFields(cursor: ByteCursor): TruncateRecord {
  return { tableId: readUuid(cursor), truncatedAtUs: readUint(cursor) };
}

export function encodeSstableSet(out: ByteWriter, record: SstableSetRecord): void {
  writeUuidField(out, record.tableId);
  writeRange(out, record.range);
  out.u8(record.reason);
  writeList(out, record.added, writeUuidField);
  writeList(out, record.removed, writeUuidField);
}

/** @throws CorruptFileError */
export function decodeSstableSet(cursor: ByteCursor): SstableSetRecord {
  const record = {
    tableId: readUuid(cursor),
    range: readRange(cursor),
    reason: readChoice(cursor, SstableSetReason.Load, 'reason of an SSTable set') as SstableSetReason,
    added: readList(cursor, UUID_BYTES, readUuid),
    removed: readList(cursor, UUID_BYTES, readUuid),
  };
  endOfRecord(cursor);
  return record;
}
