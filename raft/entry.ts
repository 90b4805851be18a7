/** What a log entry holds. The numbers are those of `RaftEntryKind` in the commit log's RAFT_ENTRY. */
export const EntryKind = { Command: 0, Configuration: 1, NoOp: 2 } as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/**
 * One entry of a group's log. Immutable, and shared: the log, messages and the host's writes hold the same object, and
 * bytes[start, end) must not change as long as any of them does.
 */
export class Entry {
  readonly term: number;
  /** From 1, without gaps. */
  readonly index: number;
  readonly kind: EntryKind;
  /** `Command`: the host's own bytes. `Configuration`: see configuration-codec.ts. `NoOp`: empty. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;

  constructor(term: number, index: number, kind: EntryKind, bytes: Uint8Array, start: number, end: number) {
    this.term = term;
    this.index = index;
    this.kind = kind;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }
}

/** Payload bytes of an entry: the one measure for all limits (append size, in flight, uncommitted, unapplied, log). */
export function entrySize(entry: Entry): number {
  return entry.end - entry.start;
}

/** Payload bytes of entries[from, to). */
export function entriesSize(entries: readonly Entry[], from = 0, to: number = entries.length): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += entrySize(entries[i]!);
  return bytes;
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);
export const NO_ENTRIES: readonly Entry[] = [];
