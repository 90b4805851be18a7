import { assert } from '../../core/assert.ts';
import { Metric, type Metrics } from '../../core/metrics.ts';

/** What a request takes beside its bytes: records, the command made of it, its place in queues. */
const REQUEST_OVERHEAD_BYTES = 512;
/**
 * Bodies up to this size, in bytes, are received whatever the memory and are charged only when they are whole: a connection
 * that waits for memory may hold one, and must not be what it waits for.
 */
const ALWAYS_RECEIVED_BYTES: number = 16 * 1024;

/** Someone who stopped reading until memory is free. */
export interface MemoryWaiter {
  onMemoryFree(): void;
}

/**
 * The memory of one shard for requests: an estimate that is charged when a request begins and given back with its answer, and
 * the frames that are being received, charged whole as soon as their header is known.
 *
 * Frames being received may take half of it: those under way can always end, so whoever waits is woken in the end.
 */
export class RequestMemory {
  readonly #limitBytes: number;
  readonly #metrics: Metrics;
  #requestBytes: number;
  #frameBytes: number;
  #waiters: MemoryWaiter[];

  constructor(limitBytes: number, metrics: Metrics) {
    assert(limitBytes > 0, 'requests need memory');
    this.#limitBytes = limitBytes;
    this.#metrics = metrics;
    this.#requestBytes = 0;
    this.#frameBytes = 0;
    this.#waiters = [];
  }

  get usedBytes(): number {
    return this.#requestBytes + this.#frameBytes;
  }

  /** True when reading has to stop. */
  get isShort(): boolean {
    return this.#requestBytes + this.#frameBytes > this.#limitBytes;
  }

  /** What a request of that many body bytes is charged with: its body, and the commands made of it. */
  estimate(bodyBytes: number): number {
    return 2 * bodyBytes + REQUEST_OVERHEAD_BYTES;
  }

  /** The largest body that can be taken now, at most `maxBytes`. */
  bodyLimit(maxBytes: number): number {
    const freeBytes = Math.min(this.#limitBytes - this.usedBytes, this.#limitBytes / 2 - this.#frameBytes);
    const limit = Math.floor(freeBytes / 2);
    return Math.min(maxBytes, Math.max(limit, ALWAYS_RECEIVED_BYTES));
  }

  /** The largest body that is taken when nothing more should be: what is small costs less to take than to refuse. */
  get leastBodyLimit(): number {
    return ALWAYS_RECEIVED_BYTES;
  }

  /** What a frame with that many body bytes is charged with while it is being received. */
  frameCharge(bodyBytes: number): number {
    return bodyBytes > ALWAYS_RECEIVED_BYTES ? 2 * bodyBytes : 0;
  }

  chargeRequest(bytes: number): void {
    this.#requestBytes += bytes;
    this.#report();
  }

  releaseRequest(bytes: number): void {
    this.#requestBytes -= bytes;
    assert(this.#requestBytes >= 0, 'memory of a request is given back once');
    this.#report();
    if (this.#waiters.length > 0) this.#wake();
  }

  /** Exchanges what a connection holds for the frame it is receiving. */
  moveFrame(fromBytes: number, toBytes: number): void {
    this.#frameBytes += toBytes - fromBytes;
    assert(this.#frameBytes >= 0, 'memory of a frame is given back once');
    this.#report();
    if (toBytes < fromBytes && this.#waiters.length > 0) this.#wake();
  }

  /** Calls `waiter` once when a quarter is free again. */
  wait(waiter: MemoryWaiter): void {
    this.#waiters.push(waiter);
  }

  #wake(): void {
    if (this.usedBytes > this.#limitBytes - this.#limitBytes / 4) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.onMemoryFree();
  }

  #report(): void {
    this.#metrics.set(Metric.CqlRequestBytes, this.usedBytes);
  }
}
