import { type ByteCursor, type ByteWriter, readU32LE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { int64ToNumber } from '../core/int64.ts';
import { NIL_UUID, UUID_BYTES, uuidText } from '../core/uuid-bytes.ts';
import {
  endOfRecord,
  type Int64Value,
  need,
  readBlob,
  readChoice,
  readInt64,
  readList,
  readRange,
  readUint,
  readUuid,
  type TokenRange,
  writeBlob,
  writeInt64,
  writeList,
  writeRange,
  writeUint,
  writeUuidField,
} from './record-fields.ts';

/**
 * Records of Raft groups. All begin with group (uuid) and incarnation (uint); fields as in record-fields.ts.
 *
 *   RAFT_ENTRY   uint term | uint index | u8 entry kind | payload to the end
 *   RAFT_HARD    uint term | uuid vote's host, nil for none | uint vote's incarnation | uint commit index
 *   RAFT_TRUNC   uint from index: entries at and after it are void
 *   RAFT_SNAP    u8 reason | uint index | uint term | blob configuration | int64 last timestamp | list of uuid generations
 *   GROUP_OPEN   uuid table | token range | uuid session of an intra-node move, nil for none
 *   GROUP_CLOSE  nothing more
 *
 * A configuration is bytes of the Raft layer's own codec: the log stores it and does not look inside.
 */

/** What a Raft log entry holds. */
export const RaftEntryKind = { Command: 0, Configuration: 1, NoOp: 2 } as const;
export type RaftEntryKind = (typeof RaftEntryKind)[keyof typeof RaftEntryKind];

/** `Local`: entries up to the index are covered here. `Received`: the whole earlier log of the group is void. */
export const RaftSnapshotReason = { Local: 0, Received: 1 } as const;
export type RaftSnapshotReason = (typeof RaftSnapshotReason)[keyof typeof RaftSnapshotReason];

/** Whom a group's member voted for in its term; the nil UUID with incarnation 0 is nobody. */
export interface RaftVote {
  readonly host: string;
  readonly incarnation: number;
}
export const NO_VOTE: RaftVote = { host: NIL_UUID, incarnation: 0 };

export interface RaftHardState {
  readonly term: number;
  readonly vote: RaftVote;
  /** Lazy: may lie behind what is committed, never ahead of the log. */
  readonly commit: number;
}

export interface RaftSnapshotState {
  readonly index: number;
  readonly term: number;
  readonly configuration: Uint8Array;
  /** Highest write timestamp, in microseconds, among the commands up to `index`. */
  readonly lastTimestamp: Int64Value;
}

export interface GroupIdentity {
  readonly group: string;
  readonly incarnation: number;
}
export interface RaftHardRecord extends GroupIdentity, RaftHardState {}
export interface RaftTruncateRecord extends GroupIdentity {
  readonly fromIndex: number;
}
export interface RaftSnapshotRecord extends GroupIdentity, RaftSnapshotState {
  readonly reason: RaftSnapshotReason;
  /** SSTables that hold the state at `index`; those of a local snapshot may be left out. */
  readonly generations: readonly string[];
}
export interface GroupOpenRecord extends GroupIdentity {
  readonly tableId: string;
  readonly range: TokenRange;
  readonly session: string;
}

/** A RAFT_ENTRY where it lies: filled anew by `decodeRaftEntry`, one object for many records. */
export class RaftEntryView {
  group: string = NIL_UUID;
  incarnation = 0;
  term = 0;
  index = 0;
  kind: RaftEntryKind = RaftEntryKind.NoOp;
  /** Payload: cursor.bytes[payloadStart, payloadEnd), valid as long as the record's bytes. */
  payloadStart = 0;
  payloadEnd = 0;
  readonly #groupBytes: Uint8Array = new Uint8Array(UUID_BYTES);

  /** The text of the 16 bytes at bytes[at], made anew only when they differ from the last. */
  setGroup(bytes: Uint8Array, at: number): void {
    const known = this.#groupBytes;
    let isSame = true;
    for (let i = 0; i < UUID_BYTES; i++) {
      if (known[i] === bytes[at + i]!) continue;
      isSame = false;
      known[i] = bytes[at + i]!;
    }
    if (!isSame) this.group = uuidText(bytes, at);
  }
}

const ENTRY_HEAD_BYTES = 41;

/** Appends a RAFT_ENTRY to `out` without allocating. @param group the 16 bytes of the group's id */
export function encodeRaftEntry(
  out: ByteWriter,
  group: Uint8Array,
  incarnation: number,
  term: number,
  index: number,
  kind: RaftEntryKind,
  payload: Uint8Array,
  start: number,
  end: number,
): void {
  out.reserve(ENTRY_HEAD_BYTES + end - start);
  out.raw(group, 0, UUID_BYTES);
  writeUint(out, incarnation);
  writeUint(out, term);
  writeUint(out, index);
  out.u8(kind);
  out.raw(payload, start, end);
}

/** Reads the RAFT_ENTRY that fills `cursor`. @throws CorruptFileError */
export function decodeRaftEntry(cursor: ByteCursor, into: RaftEntryView): void {
  const at = need(cursor, ENTRY_HEAD_BYTES);
  const { bytes } = cursor;
  into.setGroup(bytes, at);
  into.incarnation = uintAt(cursor, at + 16);
  into.term = uintAt(cursor, at + 24);
  into.index = uintAt(cursor, at + 32);
  const kind = bytes[at + 40]!;
  if (kind > RaftEntryKind.NoOp) {
    throw new CorruptFileError(cursor.path, cursor.base + at + 40, `unknown kind of Raft entry ${kind}`);
  }
  into.kind = kind as RaftEntryKind;
  into.payloadStart = cursor.pos;
  into.payloadEnd = cursor.end;
}

function uintAt(cursor: ByteCursor, at: number): number {
  const value = int64ToNumber(readU32LE(cursor.bytes, at + 4), readU32LE(cursor.bytes, at));
  if (value > Number.MAX_SAFE_INTEGER)
    throw new CorruptFileError(cursor.path, cursor.base + at, 'number above 2^53 - 1');
  return value;
}

/** Appends a RAFT_HARD to `out` without allocating. @param group, voteHost 16 bytes each; all zeros for no vote */
export function encodeRaftHard(
  out: ByteWriter,
  group: Uint8Array,
  incarnation: number,
  term: number,
  voteHost: Uint8Array,
  voteIncarnation: number,
  commit: number,
): void {
  out.raw(group, 0, UUID_BYTES);
  writeUint(out, incarnation);
  writeUint(out, term);
  out.raw(voteHost, 0, UUID_BYTES);
  writeUint(out, voteIncarnation);
  writeUint(out, commit);
}

/** @throws CorruptFileError */
export function decodeRaftHard(cursor: ByteCursor): RaftHardRecord {
  const record = { ...readIdentity(cursor), ...readHardState(cursor) };
  endOfRecord(cursor);
  return record;
}

export function encodeRaftTruncate(out: ByteWriter, record: RaftTruncateRecord): void {
  writeIdentity(out, record);
  writeUint(out, record.fromIndex);
}

/** @throws CorruptFileError */
export function decodeRaftTruncate(cursor: ByteCursor): RaftTruncateRecord {
  const record = { ...readIdentity(cursor), fromIndex: readUint(cursor) };
  endOfRecord(cursor);
  return record;
}

export function encodeRaftSnapshot(out: ByteWriter, record: RaftSnapshotRecord): void {
  writeIdentity(out, record);
  out.u8(record.reason);
  writeSnapshotState(out, record);
  writeList(out, record.generations, writeUuidField);
}

/** @throws CorruptFileError */
export function decodeRaftSnapshot(cursor: ByteCursor): RaftSnapshotRecord {
  const identity = readIdentity(cursor);
  const reason = readChoice(cursor, RaftSnapshotReason.Received, 'reason of a snapshot') as RaftSnapshotReason;
  const record = {
    ...identity,
    reason,
    ...readSnapshotState(cursor),
    generations: readList(cursor, UUID_BYTES, readUuid),
  };
  endOfRecord(cursor);
  return record;
}

export function encodeGroupOpen(out: ByteWriter, record: GroupOpenRecord): void {
  writeGroupOpenFields(out, record);
}

/** @throws CorruptFileError */
export function decodeGroupOpen(cursor: ByteCursor): GroupOpenRecord {
  const record = readGroupOpenFields(cursor);
  endOfRecord(cursor);
  return record;
}

export function encodeGroupClose(out: ByteWriter, record: GroupIdentity): void {
  writeIdentity(out, record);
}

/** @throws CorruptFileError */
export function decodeGroupClose(cursor: ByteCursor): GroupIdentity {
  const record = readIdentity(cursor);
  endOfRecord(cursor);
  return record;
}

function writeIdentity(out: ByteWriter, identity: GroupIdentity): void {
  writeUuidField(out, identity.group);
  writeUint(out, identity.incarnation);
}

function readIdentity(cursor: ByteCursor): GroupIdentity {
  return { group: readUuid(cursor), incarnation: readUint(cursor) };
}

/** The fields of GROUP_OPEN, also in a CHECKPOINT. */
export function writeGroupOpenFields(out: ByteWriter, record: GroupOpenRecord): void {
  writeIdentity(out, record);
  writeUuidField(out, record.tableId);
  writeRange(out, record.range);
  writeUuidField(out, record.session);
}

export function readGroupOpenFields(cursor: ByteCursor): GroupOpenRecord {
  return { ...readIdentity(cursor), tableId: readUuid(cursor), range: readRange(cursor), session: readUuid(cursor) };
}

/** The fields of RAFT_HARD after the identity, also in a CHECKPOINT. */
export function writeHardState(out: ByteWriter, hard: RaftHardState): void {
  writeUint(out, hard.term);
  writeUuidField(out, hard.vote.host);
  writeUint(out, hard.vote.incarnation);
  writeUint(out, hard.commit);
}

export function readHardState(cursor: ByteCursor): RaftHardState {
  const term = readUint(cursor);
  const vote = { host: readUuid(cursor), incarnation: readUint(cursor) };
  return { term, vote, commit: readUint(cursor) };
}

/** The state that RAFT_SNAP tells, also in a CHECKPOINT. */
export function writeSnapshotState(out: ByteWriter, snapshot: RaftSnapshotState): void {
  writeUint(out, snapshot.index);
  writeUint(out, snapshot.term);
  writeBlob(out, snapshot.configuration);
  writeInt64(out, snapshot.lastTimestamp);
}

export function readSnapshotState(cursor: ByteCursor): RaftSnapshotState {
  const index = readUint(cursor);
  const term = readUint(cursor);
  const configuration = readBlob(cursor);
  return { index, term, configuration, lastTimestamp: readInt64(cursor) };
}
