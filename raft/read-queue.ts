import type { Member } from './member.ts';
import { isSameMember } from './member.ts';
import { NO_IDS, NO_READS, type ReadResult } from './ready.ts';

/** A read that a leader confirms, its own or one that a follower asked for. */
export interface PendingRead {
  readonly from: Member;
  readonly boot: number;
  readonly id: number;
  /** Commit index when the read was taken in; 0 until the leader has committed an entry of its term. */
  index: number;
  /** The confirming round, started after the read came; 0 until one is started. */
  round: number;
}

/**
 * Reads on their way to an index (ReadIndex, thesis §6.4), and results for the next `Ready`.
 *
 *   as leader    pending: early ones without index, then by rising round; one round confirms all reads of it and before
 *   as follower  forwarded: asked of the leader, which answers each by (boot, id)
 */
export class ReadQueue {
  /** Own ids, never used again in this life of the node (bug B-34). */
  #lastId = 0;
  #pending: PendingRead[] = [];
  #forwarded: { readonly id: number; readonly since: number }[] = [];
  #round = 0;
  /** Some pending read has an index and no round. */
  #needsRound = false;
  #results: ReadResult[] = [];
  #failed: number[] = [];

  get round(): number {
    return this.#round;
  }
  get needsRound(): boolean {
    return this.#needsRound;
  }
  get pendingCount(): number {
    return this.#pending.length + this.#forwarded.length;
  }
  get hasOutput(): boolean {
    return this.#results.length > 0 || this.#failed.length > 0;
  }
  /** The newest round has not yet confirmed all its reads. */
  get hasOpenRound(): boolean {
    return this.#pending.some((read) => read.round !== 0);
  }

  nextId(): number {
    return ++this.#lastId;
  }

  /** @param index 0 when the leader may not know the newest commit index yet */
  add(from: Member, boot: number, id: number, index: number): void {
    this.#pending.push({ from, boot, id, index, round: 0 });
    if (index !== 0) this.#needsRound = true;
  }

  /** The leader has committed an entry of its term: reads that came before wait from here on. */
  setIndexOfEarly(index: number): void {
    for (const read of this.#pending) {
      if (read.index !== 0) continue;
      read.index = index;
      this.#needsRound = true;
    }
  }

  /** Starts a round for every read that has none. @returns its number, larger than all before in this term */
  startRound(): number {
    this.#needsRound = false;
    this.#round++;
    for (const read of this.#pending) if (read.index !== 0 && read.round === 0) read.round = this.#round;
    return this.#round;
  }

  /** Another configuration decides: what the old one confirmed does not count, all have to be asked again. */
  restart(): void {
    for (const read of this.#pending) {
      read.round = 0;
      if (read.index !== 0) this.#needsRound = true;
    }
  }

  /** Takes out the reads of rounds up to `round`; Infinity takes all that have an index. */
  takeConfirmed(round: number): PendingRead[] {
    const isDone = (read: PendingRead): boolean =>
      read.index !== 0 && (round === Number.POSITIVE_INFINITY || (read.round !== 0 && read.round <= round));
    const done = this.#pending.filter(isDone);
    if (done.length > 0) this.#pending = this.#pending.filter((read) => !isDone(read));
    return done;
  }

  forward(id: number, tick: number): void {
    this.#forwarded.push({ id, since: tick });
  }

  /** The leader's answer to an own request. @returns false for a late or unknown one */
  answer(id: number, index: number): boolean {
    const at = this.#forwarded.findIndex((read) => read.id === id);
    if (at < 0) return false;
    this.#forwarded.splice(at, 1);
    this.#results.push({ id, index });
    return true;
  }

  result(id: number, index: number): void {
    this.#results.push({ id, index });
  }

  /** Requests sent before `tick` were lost on the way or dropped by a deposed leader. */
  failForwardedBefore(tick: number): void {
    for (const { id, since } of this.#forwarded) if (since < tick) this.#failed.push(id);
    this.#forwarded = this.#forwarded.filter(({ since }) => since >= tick);
  }

  /** Leader, term or role changed: nothing that was asked before can be confirmed. */
  failAll(self: Member): void {
    for (const read of this.#pending) if (isSameMember(read.from, self)) this.#failed.push(read.id);
    this.#pending = [];
    this.#needsRound = false;
    this.#round = 0;
    this.failForwardedBefore(Number.POSITIVE_INFINITY);
  }

  takeResults(): readonly ReadResult[] {
    if (this.#results.length === 0) return NO_READS;
    const results = this.#results;
    this.#results = [];
    return results;
  }

  takeFailed(): readonly number[] {
    if (this.#failed.length === 0) return NO_IDS;
    const failed = this.#failed;
    this.#failed = [];
    return failed;
  }
}
