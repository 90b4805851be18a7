/**
 * The one table of record kinds. Numbers are for ever: a kind is added at the end, never given again. What each carries is
 * in raft-records.ts, table-records.ts and checkpoint-record.ts; docs/formats/commitlog.md lists them.
 */
export const RecordKind = {
  /** A frozen mutation (`core/mutation/frozen-mutation.ts`), whose token routes it. */
  Mutation: 1,
  RaftEntry: 2,
  RaftHard: 3,
  RaftTruncate: 4,
  RaftSnapshot: 5,
  GroupOpen: 6,
  GroupClose: 7,
  Cleanup: 8,
  Truncate: 9,
  Checkpoint: 10,
  SstableSet: 11,
  /** Reserved for backups: not written by this version, and refused when met. */
  BackupMarker: 12,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

const NAMES: readonly string[] = [
  '',
  'MUTATION',
  'RAFT_ENTRY',
  'RAFT_HARD',
  'RAFT_TRUNC',
  'RAFT_SNAP',
  'GROUP_OPEN',
  'GROUP_CLOSE',
  'CLEANUP',
  'TRUNCATE',
  'CHECKPOINT',
  'SSTABLE_SET',
  'BACKUP_MARKER',
];

/** The kind's name in tools and messages. */
export function recordKindName(kind: number): string {
  return NAMES[kind] || `UNKNOWN_${kind}`;
}

/** True for kinds that this version reads and writes. */
export function isKnownKind(kind: number): kind is RecordKind {
  return kind >= RecordKind.Mutation && kind <= RecordKind.SstableSet;
}
