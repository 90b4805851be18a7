import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { TimestampSource } from '../../core/timestamps.ts';
import { writeTimeUuid } from '../../core/types/timeuuid.ts';
import type { ExecutionContext } from '../../cql/plan/plan.ts';

const NODE_BYTES = 6;
/** Version-1 UUIDs count 100 ns: ten of them fit into one microsecond of our clock. */
const TICKS_PER_US = 10;

/**
 * The world as a request sees it while it is bound: one record per shard, filled anew for each, since binding is synchronous.
 * UUIDs of version 1 never repeat: the shard's node id is random, and its ticks only go up.
 */
export class ExecutionClock implements ExecutionContext {
  timestampHi = 0;
  timestampLo = 0;
  nowUs = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #timestamps: TimestampSource;
  readonly #node: Uint8Array;
  readonly #clockSequence: number;
  #lastUs = 0;
  #tick = 0;

  constructor(clock: Clock, random: Random, timestamps: TimestampSource) {
    this.#clock = clock;
    this.#random = random;
    this.#timestamps = timestamps;
    this.#node = new Uint8Array(NODE_BYTES);
    random.fill(this.#node);
    this.#node[0]! |= 1; // the multicast bit: no network card has this address
    const sequence = new Uint8Array(2);
    random.fill(sequence);
    this.#clockSequence = ((sequence[0]! << 8) | sequence[1]!) & 0x3fff;
  }

  /** Begins a request whose client gave its timestamp. */
  beginAt(hi: number, lo: number): void {
    this.nowUs = this.#clock.nowUs();
    this.timestampHi = hi;
    this.timestampLo = lo;
  }

  /** Begins a request with the shard's own next timestamp. */
  begin(): void {
    this.nowUs = this.#clock.nowUs();
    this.#timestamps.next(this.nowUs);
    this.timestampHi = this.#timestamps.hi;
    this.timestampLo = this.#timestamps.lo;
  }

  /** Begins a request that writes nothing: it has no timestamp. */
  beginRead(): void {
    this.nowUs = this.#clock.nowUs();
  }

  randomBytes(target: Uint8Array): void {
    this.#random.fill(target);
  }

  timeUuid(target: Uint8Array, at: number): void {
    if (this.nowUs > this.#lastUs) {
      this.#lastUs = this.nowUs;
      this.#tick = 0;
    } else if (++this.#tick === TICKS_PER_US) {
      this.#lastUs++;
      this.#tick = 0;
    }
    writeTimeUuid(target, at, this.#lastUs, this.#tick, this.#clockSequence, this.#node);
  }
}
