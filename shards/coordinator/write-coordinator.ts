import { assert } from '../../core/assert.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { decodeError } from '../../core/error-codec.ts';
import { NotReadyError, TesseraError, WriteTimeoutError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { checkMutation } from '../../core/mutation/check.ts';
import { mutationTokenHi } from '../../core/mutation/frozen-mutation.ts';
import type { MutationList } from '../../core/mutation/mutation-list.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Mailbox, MailClass, type Reply, type ThreadId } from '../../core/ports/mailbox.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import { tabletOfToken } from '../../core/token.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { outcomeOf } from '../../cql/protocol/error.ts';
import { Deadlines } from '../deadlines.ts';
import { Verb } from '../verbs.ts';
import type { LocalStore } from './local-store.ts';
import type { TabletRoute } from './routing.ts';

/** Called once: when every mutation of a write is acknowledged, or with what went wrong. */
export type WriteOutcome = (context: number, error: Error | undefined) => void;

const FIRST_CAPACITY = 1024;
const TABLE_ID_AT = 8;

/**
 * Sends mutations to the shards that own their tablets and waits for all of them. A write is a pooled record of integers:
 * one that completes at once costs no object. Bytes are copied by whoever takes them: log or ring.
 *
 * States of a record: free -> open (mutations outstanding) -> answered (its deadline passed; still outstanding) -> free.
 */
export class WriteCoordinator {
  readonly #self: ThreadId;
  readonly #mailbox: Mailbox;
  readonly #store: LocalStore;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #request = new ByteWriter(4096);

  #free: number[] = [];
  #outstanding: Int32Array = new Int32Array(FIRST_CAPACITY);
  /** Mutations of the write that were acknowledged. */
  #acknowledged: Int32Array = new Int32Array(FIRST_CAPACITY);
  #isAnswered: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  #contexts: Int32Array = new Int32Array(FIRST_CAPACITY);
  #outcomes: (WriteOutcome | undefined)[] = new Array(FIRST_CAPACITY).fill(undefined);
  #errors: (Error | undefined)[] = new Array(FIRST_CAPACITY).fill(undefined);

  constructor(self: ThreadId, mailbox: Mailbox, store: LocalStore, clock: Clock, tasks: Tasks) {
    this.#self = self;
    this.#mailbox = mailbox;
    this.#store = store;
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, tasks, FIRST_CAPACITY, this.#onDeadline);
    for (let slot = FIRST_CAPACITY - 1; slot >= 0; slot--) this.#free.push(slot);
    mailbox.serve(Verb.Apply, MailClass.Statement, this.#onApply);
  }

  /** Writes that wait for an acknowledgement. */
  get pending(): number {
    return this.#outstanding.length - this.#free.length;
  }

  /**
   * Carries out every mutation of the list, which is used up when the call returns. `outcome` comes once, perhaps before
   * that. When some mutations may have been done and others not, the error is a WriteTimeoutError.
   * @param only the tablets of the one table that all mutations are of; undefined: they are of several
   * @param routeOf the tablets of a table of the list
   */
  write(
    list: MutationList,
    only: TabletRoute | undefined,
    routeOf: (table: TableId) => TabletRoute | undefined,
    forceSync: boolean,
    deadlineMs: number,
    outcome: WriteOutcome,
    context: number,
  ): void {
    const { count } = list;
    if (count === 0) {
      outcome(context, undefined);
      return;
    }
    const slot = this.#take(count, outcome, context);
    // The lists of statements are of one table nearly always: look the route up when the table changes.
    let tableAt = -1;
    let route = only;
    for (let i = 0; i < count; i++) {
      const { bytes } = list;
      const start = list.starts[i]!;
      const end = list.ends[i]!;
      if (only === undefined && (tableAt < 0 || !sameTable(bytes, tableAt, start))) {
        tableAt = start;
        route = routeOf(uuidText(bytes, start + TABLE_ID_AT) as TableId);
      }
      if (route === undefined) {
        this.#onWritten(slot, new TesseraError('INVALID', 'the table was dropped'));
        continue;
      }
      const shard = route.shardOf(tabletOfToken(mutationTokenHi(bytes, start), route.tabletCount));
      if (shard === this.#self) this.#store.write(bytes, start, end, forceSync, deadlineMs, this.#onWritten, slot);
      else this.#send(shard, bytes, start, end, forceSync, deadlineMs, slot);
    }
    if (this.#outstanding[slot]! > 0 && this.#outcomes[slot] === outcome) this.#deadlines.set(slot, deadlineMs);
  }

  #send(
    shard: ThreadId,
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    slot: number,
  ): void {
    const request = this.#request;
    request.clear();
    request.u8(forceSync ? 1 : 0);
    request.raw(bytes, start, end);
    this.#mailbox.call(shard, Verb.Apply, request.bytes, 0, request.length, deadlineMs, this.#onReply, slot);
  }

  readonly #onReply = (status: number, bytes: Uint8Array, start: number, end: number, slot: number): void => {
    this.#onWritten(slot, status === 0 ? undefined : decodeError(bytes, start, end));
  };

  readonly #onWritten = (slot: number, error: Error | undefined): void => {
    if (error === undefined) this.#acknowledged[slot]!++;
    else if (this.#errors[slot] === undefined || outcomeOf(this.#errors[slot]) === 'definite')
      this.#errors[slot] = error;
    if (--this.#outstanding[slot]! > 0) return;
    this.#deadlines.clear(slot);
    const outcome = this.#outcomes[slot]!;
    const context = this.#contexts[slot]!;
    const failure = this.#errors[slot];
    const isPartial = failure !== undefined && this.#acknowledged[slot]! > 0;
    const wasAnswered = this.#isAnswered[slot] === 1;
    this.#release(slot);
    if (!wasAnswered) outcome(context, failure === undefined ? undefined : unknownUnlessDefinite(failure, isPartial));
  };

  readonly #onDeadline = (slot: number): void => {
    this.#isAnswered[slot] = 1;
    this.#outcomes[slot]!(
      this.#contexts[slot]!,
      new WriteTimeoutError('the write was not acknowledged in time', { received: 0, blockFor: 1 }),
    );
  };

  readonly #onApply = (
    _from: ThreadId,
    bytes: Uint8Array,
    start: number,
    end: number,
    deadlineMs: number,
    reply: Reply,
  ): void => {
    const wrong = end - start < 1 ? 'empty request' : checkMutation(bytes, start + 1, end);
    if (wrong !== undefined) {
      reply.fail(new TesseraError('PROTOCOL', `mutation from another shard: ${wrong}`));
      return;
    }
    if (deadlineMs < this.#clock.monotonicMs()) {
      reply.fail(new TesseraError('OVERLOADED', 'the deadline passed before the write began'));
      return;
    }
    const slot = this.#take(1, this.#answerApply, 0);
    this.#replies[slot] = reply;
    this.#contexts[slot] = slot;
    this.#store.write(bytes, start + 1, end, bytes[start] === 1, deadlineMs, this.#onWritten, slot);
  };

  readonly #replies: (Reply | undefined)[] = [];
  readonly #answerApply = (slot: number, error: Error | undefined): void => {
    const reply = this.#replies[slot]!;
    this.#replies[slot] = undefined;
    if (error === undefined) reply.ok(NOTHING, 0, 0);
    else reply.fail(error);
  };

  #take(mutations: number, outcome: WriteOutcome, context: number): number {
    if (this.#free.length === 0) this.#grow();
    const slot = this.#free.pop()!;
    assert(this.#outcomes[slot] === undefined, 'a free record has no owner');
    this.#outstanding[slot] = mutations;
    this.#acknowledged[slot] = 0;
    this.#isAnswered[slot] = 0;
    this.#contexts[slot] = context;
    this.#outcomes[slot] = outcome;
    return slot;
  }

  #release(slot: number): void {
    this.#outcomes[slot] = undefined;
    this.#errors[slot] = undefined;
    this.#free.push(slot);
  }

  #grow(): void {
    const before = this.#outstanding.length;
    // Requests in flight are bounded by the server and by mailbox credits; this is far above both.
    if (before >= 1 << 20) throw new NotReadyError('too many writes wait for their acknowledgement');
    const after = before * 2;
    this.#outstanding = grown(this.#outstanding, after);
    this.#acknowledged = grown(this.#acknowledged, after);
    this.#contexts = grown(this.#contexts, after);
    const answered = new Uint8Array(after);
    answered.set(this.#isAnswered);
    this.#isAnswered = answered;
    for (let slot = after - 1; slot >= before; slot--) {
      this.#outcomes[slot] = undefined;
      this.#errors[slot] = undefined;
      this.#free.push(slot);
    }
    this.#deadlines.grow(after);
  }
}

/** A definite refusal of all stays what it is; anything else leaves the outcome open, and says so (settled question 36). */
function unknownUnlessDefinite(error: Error, isPartial: boolean): Error {
  if (!isPartial && outcomeOf(error) === 'definite' && !isTimeout(error)) return error;
  if (error instanceof WriteTimeoutError) return error;
  return new WriteTimeoutError(`the outcome of the write is unknown: ${error.message}`, { received: 0, blockFor: 1 });
}

/** The mailbox reports a passed deadline as a read timeout; for a write that is an unknown outcome. */
function isTimeout(error: Error): boolean {
  return error instanceof TesseraError && error.code === 'READ_TIMEOUT';
}

function sameTable(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = TABLE_ID_AT; i < TABLE_ID_AT + 16; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}

const NOTHING = new Uint8Array(0);
