import { assert } from '../core/assert.ts';
import { type Entry, entrySize, NO_ENTRIES } from './entry.ts';

/** The term of a position that the log does not hold: neither the snapshot's nor an entry's. Never equal to any term (bug B-20). */
export const UNKNOWN_TERM = -1;

/** A place in a log, as hints and vote requests name it. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/**
 * The log of one group, in memory, above a snapshot, with how far each thing has come:
 *
 *   snapshotIndex <= applied <= applying <= commit <= lastIndex
 *                             durable <= handed <= lastIndex
 *
 * durable: on this member's disk and not about to be overwritten. handed: given to the host to write. applying: given to the
 * host to apply. Entries are kept until `compact`, whatever has become of them; the host's disk is never asked.
 */
export class RaftLog {
  #entries: Entry[] = [];
  #snapshotIndex: number;
  #snapshotTerm: number;
  #commit: number;
  #durable: number;
  #handed: number;
  #applying: number;
  #applied: number;
  #sizeBytes = 0;
  /** Payload bytes of entries that were handed out for applying and are not yet applied. */
  #applyingBytes = 0;
  /** First index that `truncate` took back although it had been handed to the host; 0 for none. */
  #truncatedFrom = 0;

  constructor(snapshotIndex: number, snapshotTerm: number) {
    this.#snapshotIndex = snapshotIndex;
    this.#snapshotTerm = snapshotTerm;
    this.#commit = snapshotIndex;
    this.#durable = snapshotIndex;
    this.#handed = snapshotIndex;
    this.#applying = snapshotIndex;
    this.#applied = snapshotIndex;
  }

  /** The position below the first entry: that of the snapshot, or of the last entry cut off by `compact`. */
  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }
  get snapshotTerm(): number {
    return this.#snapshotTerm;
  }
  /** Index of the first entry that is here, or would be. */
  get firstIndex(): number {
    return this.#snapshotIndex + 1;
  }
  get lastIndex(): number {
    return this.#snapshotIndex + this.#entries.length;
  }
  get lastTerm(): number {
    const { length } = this.#entries;
    return length === 0 ? this.#snapshotTerm : this.#entries[length - 1]!.term;
  }
  get commit(): number {
    return this.#commit;
  }
  get durable(): number {
    return this.#durable;
  }
  get handed(): number {
    return this.#handed;
  }
  get applying(): number {
    return this.#applying;
  }
  get applied(): number {
    return this.#applied;
  }
  /** Payload bytes of all entries that are here. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }
  get applyingBytes(): number {
    return this.#applyingBytes;
  }

  /** The term at `index`, or `UNKNOWN_TERM`. */
  termAt(index: number): number {
    if (index === this.#snapshotIndex) return this.#snapshotTerm;
    return this.#entries[index - this.firstIndex]?.term ?? UNKNOWN_TERM;
  }

  entryAt(index: number): Entry | undefined {
    return this.#entries[index - this.firstIndex];
  }

  /** True if a log that ends there holds everything that this one may have committed (Raft §5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Entries from `index` on, as many as fit into `maxBytes`, one at least if there is one. */
  slice(index: number, maxBytes: number, lastIndex: number = this.lastIndex): readonly Entry[] {
    assert(index >= this.firstIndex, 'entries that were cut off');
    const from = index - this.firstIndex;
    const limit = lastIndex - this.firstIndex + 1;
    if (from >= limit) return NO_ENTRIES;
    let bytes = 0;
    let to = from;
    while (to < limit) {
      bytes += entrySize(this.#entries[to]!);
      if (bytes > maxBytes && to > from) break;
      to++;
    }
    return this.#entries.slice(from, to);
  }

  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, 'entries are appended without gaps');
    assert(entry.term >= this.lastTerm, 'terms never fall along the log');
    this.#entries.push(entry);
    this.#sizeBytes += entrySize(entry);
  }

  /** Takes back the entries at and after `index`: a leader of a later term has others there. */
  truncate(index: number): void {
    assert(index > this.#commit, 'committed entries are never taken back');
    if (index <= this.#handed) {
      this.#truncatedFrom = this.#truncatedFrom === 0 ? index : Math.min(this.#truncatedFrom, index);
    }
    const keep = index - this.firstIndex;
    for (let i = keep; i < this.#entries.length; i++) this.#sizeBytes -= entrySize(this.#entries[i]!);
    this.#entries.length = keep;
    this.#handed = Math.min(this.#handed, index - 1);
    this.#durable = Math.min(this.#durable, index - 1);
  }

  /** Raises the commit index. */
  commitTo(index: number): void {
    assert(index >= this.#commit, 'the commit index never falls');
    assert(index <= this.lastIndex, 'only what the log holds can be committed');
    this.#commit = index;
  }

  /** What the host has not yet been given to write; from now on it counts as handed. */
  takeUnwritten(): readonly Entry[] {
    if (this.#handed === this.lastIndex) return NO_ENTRIES;
    const entries = this.#entries.slice(this.#handed + 1 - this.firstIndex);
    this.#handed = this.lastIndex;
    return entries;
  }

  /** From where on the host must void what it wrote before, before it writes what `takeUnwritten` gave; 0 for nothing. */
  takeTruncation(): number {
    const from = this.#truncatedFrom;
    this.#truncatedFrom = 0;
    return from;
  }

  get hasUnwritten(): boolean {
    return this.#handed < this.lastIndex;
  }

  durableTo(index: number): void {
    assert(index <= this.#handed, 'only what was handed out can be durable');
    if (index > this.#durable) this.#durable = index;
  }

  /** Committed entries up to `limit` that were not yet handed out for applying, as far as the byte limit allows; see `hasToApply`. */
  takeToApply(limit: number, maxBytes: number): readonly Entry[] {
    if (!this.hasToApply(limit, maxBytes)) return NO_ENTRIES;
    const entries = this.slice(this.#applying + 1, maxBytes - this.#applyingBytes, Math.min(limit, this.#commit));
    for (let i = 0; i < entries.length; i++) this.#applyingBytes += entrySize(entries[i]!);
    this.#applying += entries.length;
    return entries;
  }

  /** One entry is always allowed when none is being applied, whatever its size. */
  hasToApply(limit: number, maxBytes: number): boolean {
    if (this.#applying >= Math.min(limit, this.#commit)) return false;
    return this.#applying === this.#applied || this.#applyingBytes < maxBytes;
  }

  /** The host has applied everything up to `index`. */
  appliedTo(index: number): void {
    if (index <= this.#applied) return; // Overtaken by a snapshot.
    assert(index <= this.#applying, 'only what was handed out can be applied');
    // Those below the first were replaced by a snapshot meanwhile.
    for (let i = Math.max(this.#applied + 1, this.firstIndex); i <= index; i++) {
      this.#applyingBytes -= entrySize(this.entryAt(i)!);
    }
    this.#applied = index;
    if (this.#applied === this.#applying) this.#applyingBytes = 0;
  }

  /** Forgets entries up to and including `index`, which must be applied. */
  compact(index: number): void {
    if (index <= this.#snapshotIndex) return;
    assert(index <= Math.min(this.#applied, this.#durable), 'entries are cut off only when they are applied');
    const term = this.termAt(index);
    const gone = index - this.#snapshotIndex;
    for (let i = 0; i < gone; i++) this.#sizeBytes -= entrySize(this.#entries[i]!);
    this.#entries = this.#entries.slice(gone);
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
  }

  /** A received snapshot stands for everything: the log is empty after it. Applied only when the host says so. */
  restore(index: number, term: number): void {
    assert(index > this.#commit, 'a snapshot never takes back what is committed');
    this.#entries = [];
    this.#sizeBytes = 0;
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
    this.#commit = index;
    this.#handed = index;
    this.#durable = index;
    this.#applying = index;
    this.#applyingBytes = 0;
    this.#truncatedFrom = 0; // The snapshot voids the whole earlier log of the host.
  }

  /** At start: entries that the disk had, and what the state machine has. */
  setLoaded(commit: number, applied: number): void {
    this.#handed = this.lastIndex;
    this.#durable = this.lastIndex;
    this.#commit = commit;
    this.#applying = applied;
    this.#applied = applied;
  }

  /**
   * The largest position at or before `index` whose term is `term` or less: where a log that has `term` at `index` may still
   * agree with this one. Skips a whole term at a time (Raft §5.3; etcd/raft `findConflictByTerm`).
   */
  possibleMatch(index: number, term: number): LogPosition {
    let at = Math.min(index, this.lastIndex);
    for (; at >= this.#snapshotIndex; at--) {
      const known = this.termAt(at);
      if (known <= term) return { index: at, term: known };
    }
    return { index: at, term: 0 }; // Below the snapshot nothing is known, and term 0 says so: it is always safe.
  }

  /**
   * The highest index that may be cut off when `entries` entries and `bytes` payload bytes are kept for members that lag,
   * whichever is reached first.
   */
  tailStart(entries: number, bytes: number): number {
    let kept = 0;
    let at = this.lastIndex;
    for (let count = 0; at > this.#snapshotIndex && count < entries; at--, count++) {
      kept += entrySize(this.entryAt(at)!);
      if (kept > bytes) break;
    }
    return at;
  }
}
