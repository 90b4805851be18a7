/**
 * Signs of life of a node's threads, in a page that all of them share.
 *
 *   byte 64 * t       beats   uint32   turns that thread t has ended, mod 2^32   written by t only
 *   byte 64 * t + 4   label   int32    what t is doing (a `TaskClass`), -1 unknown
 *
 * An idle thread sleeps and does not beat, so silence alone says nothing. The sampler asks: a thread that did not beat since
 * the last sample is rung (`Doorbell.ring`), which makes it run a turn. From then on its silence counts.
 */
import { assert } from '../core/assert.ts';
import type { ThreadId } from '../core/ports/mailbox.ts';

const WORDS_PER_THREAD = 16;
const MAX_THREADS = 256;
const LABEL = 1;

/** A thread that is silent for longer is reported with its label. */
export const STALL_MS = 50;
/** A thread that is silent for longer is not healthy: peers and load balancers hear of it. */
export const UNHEALTHY_MS = 1000;

export function createHeartbeatPage(): SharedArrayBuffer {
  const page = new SharedArrayBuffer(MAX_THREADS * WORDS_PER_THREAD * 4);
  const words = new Int32Array(page);
  for (let thread = 0; thread < MAX_THREADS; thread++) words[thread * WORDS_PER_THREAD + LABEL] = -1;
  return page;
}

/** The writing side: one per thread. */
export class Heartbeat {
  readonly #words: Int32Array;
  readonly #at: number;
  #beats: number;

  constructor(page: SharedArrayBuffer, self: ThreadId) {
    assert(self >= 0 && self < MAX_THREADS, 'a thread has a line in the heartbeat page');
    this.#words = new Int32Array(page);
    this.#at = self * WORDS_PER_THREAD;
    this.#beats = Atomics.load(this.#words, this.#at);
  }

  /** A turn ended. */
  beat(): void {
    this.#beats = (this.#beats + 1) | 0;
    Atomics.store(this.#words, this.#at, this.#beats);
  }

  /** Says what the thread is about to do, for the report of a stall. -1: nothing in particular. */
  setLabel(label: number): void {
    this.#words[this.#at + LABEL] = label;
  }
}

interface Sample {
  readonly thread: ThreadId;
  beats: number;
  /** Since when the thread owes a beat; -1 when it owes none. */
  askedAtMs: number;
  silentMs: number;
  isReported: boolean;
}

/** The reading side: the main thread samples the shards, a shard the main thread. */
export class HeartbeatSampler {
  readonly #words: Int32Array;
  readonly #samples: Sample[];
  readonly #ask: (thread: ThreadId) => void;
  readonly #onStall: (thread: ThreadId, silentMs: number, label: number) => void;

  /**
   * @param ask makes a thread run a turn: `Doorbell.ring`
   * @param onStall called once a stall, when it is seen to last longer than STALL_MS
   */
  constructor(
    page: SharedArrayBuffer,
    threads: readonly ThreadId[],
    ask: (thread: ThreadId) => void,
    onStall: (thread: ThreadId, silentMs: number, label: number) => void,
  ) {
    this.#words = new Int32Array(page);
    this.#samples = threads.map((thread) => ({
      thread,
      beats: Atomics.load(this.#words, thread * WORDS_PER_THREAD),
      askedAtMs: -1,
      silentMs: 0,
      isReported: false,
    }));
    this.#ask = ask;
    this.#onStall = onStall;
  }

  /** Looks at every thread. Call it every 50 ms to 1 s: a stall is seen in the second look after it began. */
  sample(nowMs: number): void {
    for (const sample of this.#samples) {
      const beats = Atomics.load(this.#words, sample.thread * WORDS_PER_THREAD);
      if (beats !== sample.beats) {
        sample.beats = beats;
        sample.askedAtMs = -1;
        sample.silentMs = 0;
        sample.isReported = false;
      } else if (sample.askedAtMs < 0) {
        sample.askedAtMs = nowMs;
        this.#ask(sample.thread);
      } else {
        sample.silentMs = nowMs - sample.askedAtMs;
        if (sample.silentMs > STALL_MS && !sample.isReported) {
          sample.isReported = true;
          this.#onStall(sample.thread, sample.silentMs, this.#words[sample.thread * WORDS_PER_THREAD + LABEL]!);
        }
      }
    }
  }

  /** How long `thread` had owed a beat at the last sample, in ms. */
  silentMs(thread: ThreadId): number {
    return this.#find(thread).silentMs;
  }

  isHealthy(thread: ThreadId): boolean {
    return this.#find(thread).silentMs <= UNHEALTHY_MS;
  }

  #find(thread: ThreadId): Sample {
    const sample = this.#samples.find((candidate) => candidate.thread === thread);
    assert(sample !== undefined, 'a sampled thread');
    return sample;
  }
}
