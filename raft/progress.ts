import { assert } from '../core/assert.ts';
import { InFlight } from './in-flight.ts';
import type { Member } from './member.ts';
import type { Counted } from './quorum.ts';

/**
 * How a leader sends to one peer:
 *
 *   Probe      one append, then wait for its answer or the next tick: the end of the peer's log is not known
 *   Replicate  appends follow each other within the window; `next` moves when they are sent
 *   Snapshot   nothing is sent: the peer needs what the log no longer holds
 *
 *   Probe -> Replicate: an append was accepted.  Replicate -> Probe: one was refused, or the peer is unreachable.
 *   any -> Snapshot: the entries it needs are cut off.  Snapshot -> Probe: the transfer ended; -> Replicate: an append reply
 *   shows that the log can go on, whatever index the snapshot had.
 */
export const ProgressState = { Probe: 0, Replicate: 1, Snapshot: 2 } as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** A leader's view of one member (itself too). Invariant: match < next. */
export class Progress implements Counted {
  readonly member: Member;
  isIncoming = false;
  isOutgoing = false;
  state: ProgressState = ProgressState.Probe;
  /** The peer has durably everything up to here. Never falls. */
  match = 0;
  /** Index of the next entry to send. */
  next: number;
  /** Highest commit index sent, as far as the peer could have used it. */
  sentCommit = 0;
  /** Commit index that the peer reported. */
  ackedCommit = 0;
  /** Snapshot: the index offered; 0 otherwise. */
  pendingSnapshot = 0;
  /** Probe: the probe is out. Replicate: the window is full. */
  isPaused = false;
  /** Something came from the peer since the last tick. */
  wasHeard = false;
  /** Newest round of reads that the peer confirmed. */
  ackedRound = 0;
  readonly inFlight: InFlight;

  constructor(member: Member, next: number, maxInFlightMessages: number, maxInFlightBytes: number) {
    this.member = member;
    this.next = next;
    this.inFlight = new InFlight(maxInFlightMessages, maxInFlightBytes);
  }

  get isVoter(): boolean {
    return this.isIncoming || this.isOutgoing;
  }
  get cannotSend(): boolean {
    return this.isPaused || this.state === ProgressState.Snapshot;
  }

  becomeProbe(): void {
    // After a snapshot was sent the peer is expected at its index.
    const after = this.state === ProgressState.Snapshot ? this.pendingSnapshot : 0;
    this.#enter(ProgressState.Probe);
    this.next = Math.max(this.match, after) + 1;
    this.#capSentCommit();
  }

  becomeReplicate(): void {
    this.#enter(ProgressState.Replicate);
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter(ProgressState.Snapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** An append with `count` entries of `bytes` payload left, from `next` on. */
  sent(count: number, bytes: number): void {
    if (this.state === ProgressState.Replicate) {
      if (count > 0) {
        this.next += count;
        this.inFlight.add(this.next - 1, bytes);
      }
      this.isPaused = this.inFlight.isFull;
      return;
    }
    assert(this.state === ProgressState.Probe, 'nothing is sent beside a snapshot');
    if (count > 0) this.isPaused = true;
  }

  /** The peer holds everything up to `index`. @returns false if that was known */
  accept(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.isPaused = false;
    return true;
  }

  /**
   * The peer refused the append at `refused` and may agree at `hint`. @returns false for a stale refusal, which changes
   * nothing: `next` may always go back, `match` never (bug B-18)
   */
  refuse(refused: number, hint: number): boolean {
    if (this.state === ProgressState.Replicate) {
      if (refused <= this.match) return false;
      this.next = this.match + 1;
    } else {
      if (refused !== this.next - 1) return false;
      this.next = Math.max(Math.min(refused, hint + 1), this.match + 1);
      this.isPaused = false;
    }
    this.#capSentCommit();
    return true;
  }

  /** An empty append would tell the peer a commit index that it does not know and can use. */
  canRaiseCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  commitSent(commit: number): void {
    this.sentCommit = commit;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.isPaused = false;
    this.pendingSnapshot = 0;
    this.inFlight.clear();
  }

  #capSentCommit(): void {
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }
}

export const matchOf = (progress: Progress): number => progress.match;
export const ackedRoundOf = (progress: Progress): number => progress.ackedRound;
