import { assert } from '../core/assert.ts';
import { OverloadedError } from '../core/errors.ts';
import { Metric, type Metrics } from '../core/metrics.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { MailClass } from '../core/ports/mailbox.ts';
import type { Tasks } from '../core/ports/tasks.ts';
import { Deadlines } from './deadlines.ts';

/** Why a request was aborted. None: it was not. */
export const AbortCode = {
  None: 0,
  Timeout: 1,
  ClientGone: 2,
  Shutdown: 3,
  StageChanged: 4,
  TableDropped: 5,
  NodeDown: 6,
} as const;
export type AbortCode = (typeof AbortCode)[keyof typeof AbortCode];

/** Handle of an open scope: slot | generation << 16, never negative. NO_SCOPE is none. */
export type ScopeId = number;
export const NO_SCOPE: ScopeId = -1;

/** The most requests that a shard has under way, unless configured. */
export const DEFAULT_MAX_SCOPES = 4096;
const MAX_SLOTS = 65_536;
const GENERATIONS = 0x8000;

/** Called when a scope is aborted, within the turn that does it. */
export type AbortHandler = (scope: ScopeId, code: AbortCode) => void;

/**
 * The requests under way on a shard: pooled records of integers (settled question 31). A scope holds one reference to the
 * metadata image it was opened under (`imageRefs[slot]`), has a deadline on the shard's wheel, and can be aborted.
 *
 * States of a record: free -> open -> (aborted) -> free. The generation tells a record's users apart: a handle of a closed
 * scope is refused by every function but `isOpen`.
 *
 * A point operation that never waits costs no object. `signal` makes an AbortSignal for code that awaits; `onAbort` tells
 * code that works by callback.
 */
export class RequestScopes {
  readonly #imageRefs: Int32Array;
  readonly #metrics: Metrics;
  readonly #limit: number;
  readonly #deadlines: Deadlines;
  readonly #free: Int32Array;
  #freeCount: number;

  readonly #generation: Int32Array;
  readonly #isOpen: Uint8Array;
  readonly #mailClass: Uint8Array;
  readonly #abortCode: Uint8Array;
  readonly #imageSlot: Int32Array;
  readonly #deadlineMs: Float64Array;
  readonly #topologyVersion: Float64Array;
  readonly #controllers: (AbortController | undefined)[];
  readonly #handlers: (AbortHandler | undefined)[];

  /**
   * @param imageRefs references per image slot; written by this thread only
   * @param limit most scopes open at once
   */
  constructor(clock: Clock, tasks: Tasks, imageRefs: Int32Array, metrics: Metrics, limit: number = DEFAULT_MAX_SCOPES) {
    assert(limit > 0 && limit <= MAX_SLOTS, 'scope slots have 16 bits');
    this.#imageRefs = imageRefs;
    this.#metrics = metrics;
    this.#limit = limit;
    this.#deadlines = new Deadlines(clock, tasks, limit, this.#onDeadline);
    this.#free = new Int32Array(limit);
    this.#freeCount = limit;
    for (let i = 0; i < limit; i++) this.#free[i] = limit - 1 - i;
    this.#generation = new Int32Array(limit);
    this.#isOpen = new Uint8Array(limit);
    this.#mailClass = new Uint8Array(limit);
    this.#abortCode = new Uint8Array(limit);
    this.#imageSlot = new Int32Array(limit);
    this.#deadlineMs = new Float64Array(limit);
    this.#topologyVersion = new Float64Array(limit);
    this.#controllers = new Array(limit).fill(undefined);
    this.#handlers = new Array(limit).fill(undefined);
  }

  get openCount(): number {
    return this.#limit - this.#freeCount;
  }

  /**
   * Opens a scope; every one needs its `close`.
   * @param deadlineMs on this thread's monotonic clock; Infinity for none
   * @param topologyVersion the fencing token that the request carries, a safe integer
   * @param imageSlot where `imageRefs` counts the image that the request uses
   * @returns NO_SCOPE when as many as allowed are open
   */
  tryOpen(mailClass: MailClass, deadlineMs: number, topologyVersion: number, imageSlot: number): ScopeId {
    if (this.#freeCount === 0) {
      this.#metrics.add(Metric.ScopesRefused, 1);
      return NO_SCOPE;
    }
    const slot = this.#free[--this.#freeCount]!;
    this.#isOpen[slot] = 1;
    this.#mailClass[slot] = mailClass;
    this.#abortCode[slot] = AbortCode.None;
    this.#imageSlot[slot] = imageSlot;
    this.#deadlineMs[slot] = deadlineMs;
    this.#topologyVersion[slot] = topologyVersion;
    this.#imageRefs[imageSlot]!++;
    this.#deadlines.set(slot, deadlineMs);
    this.#metrics.set(Metric.ScopesOpen, this.openCount);
    return slot | (this.#generation[slot]! << 16);
  }

  /** The same. @throws OverloadedError when as many as allowed are open */
  open(mailClass: MailClass, deadlineMs: number, topologyVersion: number, imageSlot: number): ScopeId {
    const scope = this.tryOpen(mailClass, deadlineMs, topologyVersion, imageSlot);
    if (scope === NO_SCOPE) throw new OverloadedError('too many requests under way', { limit: this.#limit });
    return scope;
  }

  /** Ends a scope and gives its image reference back. Handlers and signals of it are dropped, not called. */
  close(scope: ScopeId): void {
    const slot = this.#slotOf(scope);
    this.#deadlines.clear(slot);
    this.#imageRefs[this.#imageSlot[slot]!]!--;
    this.#isOpen[slot] = 0;
    this.#generation[slot] = (this.#generation[slot]! + 1) % GENERATIONS;
    this.#controllers[slot] = undefined;
    this.#handlers[slot] = undefined;
    this.#free[this.#freeCount++] = slot;
    this.#metrics.set(Metric.ScopesOpen, this.openCount);
  }

  /** False for a handle whose scope was closed. */
  isOpen(scope: ScopeId): boolean {
    const slot = scope & 0xffff;
    return scope >= 0 && slot < this.#limit && this.#isOpen[slot] === 1 && this.#generation[slot] === scope >>> 16;
  }

  deadlineMs(scope: ScopeId): number {
    return this.#deadlineMs[this.#slotOf(scope)]!;
  }

  topologyVersion(scope: ScopeId): number {
    return this.#topologyVersion[this.#slotOf(scope)]!;
  }

  imageSlot(scope: ScopeId): number {
    return this.#imageSlot[this.#slotOf(scope)]!;
  }

  mailClass(scope: ScopeId): MailClass {
    return this.#mailClass[this.#slotOf(scope)] as MailClass;
  }

  abortCode(scope: ScopeId): AbortCode {
    return this.#abortCode[this.#slotOf(scope)] as AbortCode;
  }

  /** Exchanges the image, say for the next page of a long scan: new reference first, then the old one goes. */
  moveToImage(scope: ScopeId, topologyVersion: number, imageSlot: number): void {
    const slot = this.#slotOf(scope);
    this.#imageRefs[imageSlot]!++;
    this.#imageRefs[this.#imageSlot[slot]!]!--;
    this.#imageSlot[slot] = imageSlot;
    this.#topologyVersion[slot] = topologyVersion;
  }

  /** Tells `handler` when the scope is aborted; replaces an earlier one. If it is aborted already: never, look first. */
  onAbort(scope: ScopeId, handler: AbortHandler | undefined): void {
    this.#handlers[this.#slotOf(scope)] = handler;
  }

  /** The scope's AbortSignal, made at the first call. Its reason is the AbortCode. */
  signal(scope: ScopeId): AbortSignal {
    const slot = this.#slotOf(scope);
    let controller = this.#controllers[slot];
    if (controller === undefined) {
      controller = new AbortController();
      this.#controllers[slot] = controller;
      if (this.#abortCode[slot] !== AbortCode.None) controller.abort(this.#abortCode[slot]);
    }
    return controller.signal;
  }

  /** Aborts a scope; the first code stays. The scope is still open: its owner closes it. */
  abort(scope: ScopeId, code: AbortCode): void {
    this.#abortSlot(this.#slotOf(scope), code);
  }

  /** Aborts every open scope, or those that `matches` picks. Returns how many. */
  abortAll(code: AbortCode, matches?: (scope: ScopeId) => boolean): number {
    let count = 0;
    for (let slot = 0; slot < this.#limit; slot++) {
      if (this.#isOpen[slot] === 0 || this.#abortCode[slot] !== AbortCode.None) continue;
      if (matches !== undefined && !matches(this.#idOf(slot))) continue;
      this.#abortSlot(slot, code);
      count++;
    }
    return count;
  }

  readonly #onDeadline = (slot: number): void => {
    this.#metrics.add(Metric.ScopesTimedOut, 1);
    this.#abortSlot(slot, AbortCode.Timeout);
  };

  #abortSlot(slot: number, code: AbortCode): void {
    assert(code !== AbortCode.None, 'an abort has a reason');
    if (this.#abortCode[slot] !== AbortCode.None) return;
    this.#abortCode[slot] = code;
    this.#deadlines.clear(slot);
    // The handler may close the scope: take what belongs to it first.
    const controller = this.#controllers[slot];
    const handler = this.#handlers[slot];
    this.#handlers[slot] = undefined;
    if (handler !== undefined) handler(this.#idOf(slot), code);
    if (controller !== undefined) controller.abort(code);
  }

  #idOf(slot: number): ScopeId {
    return slot | (this.#generation[slot]! << 16);
  }

  #slotOf(scope: ScopeId): number {
    assert(this.isOpen(scope), 'a scope is used while it is open');
    return scope & 0xffff;
  }
}
