import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteCursor, ByteWriter } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { NIL_UUID, uuidBytes } from '../core/uuid-bytes.ts';
import { decodeCheckpoint, EMPTY_CHECKPOINT, encodeCheckpoint } from './checkpoint-record.ts';
import {
  decodeGroupClose,
  decodeGroupOpen,
  decodeRaftEntry,
  decodeRaftHard,
  decodeRaftSnapshot,
  decodeRaftTruncate,
  encodeGroupClose,
  encodeGroupOpen,
  encodeRaftEntry,
  encodeRaftHard,
  encodeRaftSnapshot,
  encodeRaftTruncate,
  NO_VOTE,
  RaftEntryKind,
  RaftEntryView,
  RaftSnapshotReason,
} from './raft-records.ts';
import { isKnownKind, RecordKind, recordKindName } from './record-kind.ts';
import {
  decodeCleanup,
  decodeSstableSet,
  decodeTruncate,
  encodeCleanup,
  encodeSstableSet,
  encodeTruncate,
  SstableSetReason,
} from './table-records.ts';

const GROUP = '00112233-4455-6677-8899-aabbccddeeff';
const TABLE = '5d3a1b2c-0000-11ee-8000-000000000001';
const HOST = '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11';
const GENERATION = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
const RANGE = { first: { hi: -0x8000_0000, lo: 0 }, last: { hi: -1, lo: -1 } };
const MAX = Number.MAX_SAFE_INTEGER;

const hex = (writer: ByteWriter): string => Buffer.from(writer.toBytes()).toString('hex');
const cursorOf = (text: string): ByteCursor => new ByteCursor(Buffer.from(text, 'hex'), 'golden');

const GROUP_HEX = '00112233445566778899aabbccddeeff';
const TABLE_HEX = '5d3a1b2c000011ee8000000000000001';
const HOST_HEX = '6f0c2a518d0f4f0e9f2c0a6f6d2b8f11';
const GENERATION_HEX = '0190a1b2c3d47e5f8a9b0c1d2e3f4a5b';
const NIL_HEX = '00'.repeat(16);
const RANGE_HEX = '0000000000000080ffffffffffffffff';
const u64 = (low: string): string => low.padEnd(16, '0');

interface Golden {
  readonly name: string;
  readonly value: unknown;
  readonly encode: (out: ByteWriter) => void;
  readonly decode: (cursor: ByteCursor) => unknown;
  readonly bytes: string;
}

const snapshotState = {
  index: 9,
  term: 2,
  configuration: Uint8Array.of(0xc0, 0xff),
  lastTimestamp: { hi: 0x0006_1234, lo: -1 },
};
const SNAPSHOT_HEX = `${u64('09')}${u64('02')}02000000c0ffffffffff34120600`;
const hard = { term: 3, vote: { host: HOST, incarnation: 5 }, commit: 8 };
const opened = { group: GROUP, incarnation: 7, tableId: TABLE, range: RANGE, session: NIL_UUID };
const cleanup = { tableId: TABLE, range: RANGE };
const truncate = { tableId: TABLE, truncatedAtUs: 1_767_225_600_000_000 };
const TRUNCATE_HEX = `${TABLE_HEX}0040204648470600`;
const position = { segmentId: 513, offset: 4096 };
const POSITION_HEX = `${u64('0102')}00100000`;
const checkpoint = {
  groups: [{ ...opened, hard, snapshot: snapshotState, runs: [{ term: 2, firstIndex: 10 }], lastIndex: 12 }],
  cleanups: [{ ...cleanup, position }],
  truncates: [{ ...truncate, position }],
};
const HARD_HEX = `${u64('03')}${HOST_HEX}${u64('05')}${u64('08')}`;
const OPENED_HEX = `${GROUP_HEX}${u64('07')}${TABLE_HEX}${RANGE_HEX}${NIL_HEX}`;

const goldens: readonly Golden[] = [
  {
    name: 'RAFT_HARD',
    value: { group: GROUP, incarnation: 7, ...hard },
    encode: (out) => encodeRaftHard(out, uuidBytes(GROUP), 7, 3, uuidBytes(HOST), 5, 8),
    decode: decodeRaftHard,
    bytes: `${GROUP_HEX}${u64('07')}${HARD_HEX}`,
  },
  {
    name: 'RAFT_HARD without a vote',
    value: { group: GROUP, incarnation: MAX, term: 1, vote: NO_VOTE, commit: 0 },
    encode: (out) => encodeRaftHard(out, uuidBytes(GROUP), MAX, 1, new Uint8Array(16), 0, 0),
    decode: decodeRaftHard,
    bytes: `${GROUP_HEX}ffffffffffff1f00${u64('01')}${NIL_HEX}${u64('')}${u64('')}`,
  },
  {
    name: 'RAFT_TRUNC',
    value: { group: GROUP, incarnation: 7, fromIndex: 300 },
    encode: (out) => encodeRaftTruncate(out, { group: GROUP, incarnation: 7, fromIndex: 300 }),
    decode: decodeRaftTruncate,
    bytes: `${GROUP_HEX}${u64('07')}${u64('2c01')}`,
  },
  {
    name: 'RAFT_SNAP',
    value: {
      group: GROUP,
      incarnation: 7,
      reason: RaftSnapshotReason.Received,
      ...snapshotState,
      generations: [GENERATION],
    },
    encode: (out) =>
      encodeRaftSnapshot(out, {
        group: GROUP,
        incarnation: 7,
        reason: RaftSnapshotReason.Received,
        ...snapshotState,
        generations: [GENERATION],
      }),
    decode: decodeRaftSnapshot,
    bytes: `${GROUP_HEX}${u64('07')}01${SNAPSHOT_HEX}01000000${GENERATION_HEX}`,
  },
  {
    name: 'GROUP_OPEN',
    value: opened,
    encode: (out) => encodeGroupOpen(out, opened),
    decode: decodeGroupOpen,
    bytes: OPENED_HEX,
  },
  {
    name: 'GROUP_CLOSE',
    value: { group: GROUP, incarnation: 7 },
    encode: (out) => encodeGroupClose(out, { group: GROUP, incarnation: 7 }),
    decode: decodeGroupClose,
    bytes: `${GROUP_HEX}${u64('07')}`,
  },
  {
    name: 'CLEANUP',
    value: cleanup,
    encode: (out) => encodeCleanup(out, cleanup),
    decode: decodeCleanup,
    bytes: `${TABLE_HEX}${RANGE_HEX}`,
  },
  {
    name: 'TRUNCATE',
    value: truncate,
    encode: (out) => encodeTruncate(out, truncate),
    decode: decodeTruncate,
    bytes: TRUNCATE_HEX,
  },
  {
    name: 'SSTABLE_SET',
    value: {
      tableId: TABLE,
      range: RANGE,
      reason: SstableSetReason.Compaction,
      added: [GENERATION],
      removed: [TABLE, HOST],
    },
    encode: (out) =>
      encodeSstableSet(out, {
        tableId: TABLE,
        range: RANGE,
        reason: SstableSetReason.Compaction,
        added: [GENERATION],
        removed: [TABLE, HOST],
      }),
    decode: decodeSstableSet,
    bytes: `${TABLE_HEX}${RANGE_HEX}0101000000${GENERATION_HEX}02000000${TABLE_HEX}${HOST_HEX}`,
  },
  {
    name: 'CHECKPOINT',
    value: checkpoint,
    encode: (out) => encodeCheckpoint(out, checkpoint),
    decode: decodeCheckpoint,
    bytes:
      `01000000${OPENED_HEX}${HARD_HEX}${SNAPSHOT_HEX}01000000${u64('02')}${u64('0a')}${u64('0c')}` +
      `01000000${POSITION_HEX}${TABLE_HEX}${RANGE_HEX}01000000${POSITION_HEX}${TRUNCATE_HEX}`,
  },
  {
    name: 'empty CHECKPOINT',
    value: EMPTY_CHECKPOINT,
    encode: (out) => encodeCheckpoint(out, EMPTY_CHECKPOINT),
    decode: decodeCheckpoint,
    bytes: '00'.repeat(12),
  },
];

describe('log records', () => {
  test.each(goldens)('$name has its golden bytes', ({ encode, decode, bytes, value }) => {
    const out = new ByteWriter(8);
    encode(out);
    expect(hex(out)).toBe(bytes);
    expect(decode(cursorOf(bytes))).toEqual(value);
  });

  test.each(goldens)('$name cut short or made longer is refused', ({ decode, bytes }) => {
    for (let length = 0; length < bytes.length; length += 2) {
      expect(() => decode(cursorOf(bytes.slice(0, length)))).toThrow(CorruptFileError);
    }
    expect(() => decode(cursorOf(`${bytes}00`))).toThrow(CorruptFileError);
  });

  test.each(goldens)('$name with any bytes decodes or is refused', ({ decode, bytes }) => {
    const genuine = Buffer.from(bytes, 'hex');
    fc.assert(
      fc.property(fc.nat(genuine.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, noise) => {
        const damaged = Uint8Array.from(genuine);
        damaged.set(noise.subarray(0, damaged.length - at), at);
        try {
          decode(new ByteCursor(damaged, 'noise'));
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptFileError);
        }
      }),
    );
  });

  test('RAFT_ENTRY keeps its payload where it lies', () => {
    const out = new ByteWriter(8);
    const payload = Uint8Array.of(9, 8, 7, 6);
    encodeRaftEntry(out, uuidBytes(GROUP), 7, 3, 300, RaftEntryKind.Configuration, payload, 1, 3);
    expect(hex(out)).toBe(`${GROUP_HEX}${u64('07')}${u64('03')}${u64('2c01')}010807`);
    const cursor = new ByteCursor(out.bytes, 'golden', 0, out.length);
    const view = new RaftEntryView();
    decodeRaftEntry(cursor, view);
    expect([view.group, view.incarnation, view.term, view.index, view.kind]).toEqual([GROUP, 7, 3, 300, 1]);
    expect([...out.bytes.slice(view.payloadStart, view.payloadEnd)]).toEqual([8, 7]);

    encodeRaftEntry(out, uuidBytes(HOST), 1, 1, 1, RaftEntryKind.NoOp, payload, 0, 0);
    decodeRaftEntry(new ByteCursor(out.bytes, 'golden', 43, out.length), view);
    expect([view.group, view.kind, view.payloadEnd - view.payloadStart]).toEqual([HOST, RaftEntryKind.NoOp, 0]);

    for (let end = 0; end < 41; end++) {
      expect(() => decodeRaftEntry(new ByteCursor(out.bytes, 'golden', 0, end), view)).toThrow(CorruptFileError);
    }
    out.bytes[40] = 3;
    expect(() => decodeRaftEntry(new ByteCursor(out.bytes, 'golden', 0, 43), view)).toThrow(/entry 3/);
  });

  test('numbers above 2^53 - 1 are refused, not rounded', () => {
    const bytes = `${GROUP_HEX}${u64('07')}0000000000002000`;
    expect(() => decodeRaftTruncate(cursorOf(bytes))).toThrow(/2\^53/);
  });

  test('a count that cannot fit allocates nothing', () => {
    expect(() => decodeCheckpoint(cursorOf('ffffffff'))).toThrow(/4294967295/);
  });

  test('kinds have the numbers of the format, and the reserved one is not read', () => {
    expect(Object.values(RecordKind)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(isKnownKind(RecordKind.SstableSet)).toBe(true);
    expect([0, RecordKind.BackupMarker, 13, 255].some(isKnownKind)).toBe(false);
    expect([recordKindName(RecordKind.RaftSnapshot), recordKindName(77)]).toEqual(['RAFT_SNAP', 'UNKNOWN_77']);
  });
});
