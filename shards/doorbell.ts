/**
 * How threads that sleep in their event loop are woken: one word per thread in a page that all threads share.
 *
 *   byte 64 * t   sleeping   int32   1: thread t sleeps or is about to; 0: it is awake or somebody woke it
 *
 * A thread that goes to sleep stores 1, then looks at its links once more; a producer publishes, then looks at the word.
 * Both are sequentially consistent, so one of them sees the other. The waker turns 1 into 0 by `exchange`: one `notify` a
 * sleep, however many producers there are. One `Atomics.waitAsync` is outstanding per thread for as long as nobody notifies:
 * turns that other events start flip the word and leave the wait alone (settled question 14).
 */
import { assert } from '../core/assert.ts';
import type { Bell } from '../core/ports/link.ts';
import type { ThreadId } from '../core/ports/mailbox.ts';
import type { Tasks, TimerHandle } from '../core/ports/tasks.ts';

const WORDS_PER_THREAD = 16;
const MAX_THREADS = 256;

/** The look at the links that nobody asked for, against a wake-up that got lost. A pending wait alone is not to be relied on. */
export const FALLBACK_MS = 1000;

/** Makes the page of a node's threads: all awake. */
export function createDoorbellPage(): SharedArrayBuffer {
  return new SharedArrayBuffer(MAX_THREADS * WORDS_PER_THREAD * 4);
}

/** Wakes `thread` if it sleeps; two loads when it does not. Any thread may call it. */
export function ringDoorbell(words: Int32Array, thread: ThreadId): void {
  const at = thread * WORDS_PER_THREAD;
  if (Atomics.load(words, at) === 1 && Atomics.exchange(words, at, 0) === 1) Atomics.notify(words, at, 1);
}

/** The doorbell of one thread. A pending wait keeps no event loop alive: that takes `NodeTasks.keepAlive` or a listener. */
export class Doorbell implements Bell {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #tasks: Tasks;
  readonly #onRing: (isFallback: boolean) => void;
  #waiting: boolean;
  #isOpen: boolean;
  readonly #fallbackMs: number;
  #fallback: TimerHandle;

  /**
   * @param onRing called in a turn of its own when somebody rang; `isFallback`: nobody did, it is only time to look
   */
  constructor(
    page: SharedArrayBuffer,
    self: ThreadId,
    tasks: Tasks,
    onRing: (isFallback: boolean) => void,
    fallbackMs: number = FALLBACK_MS,
  ) {
    assert(self >= 0 && self < MAX_THREADS, 'a thread has a line in the doorbell page');
    this.#words = new Int32Array(page);
    this.#at = self * WORDS_PER_THREAD;
    this.#tasks = tasks;
    this.#onRing = onRing;
    this.#waiting = false;
    this.#isOpen = true;
    this.#fallbackMs = fallbackMs;
    this.#fallback = tasks.setTimer(fallbackMs, this.#onFallback);
  }

  /** Wakes another thread; what `RingProducer` and `RingConsumer` want to be given. */
  ring(thread: ThreadId): void {
    ringDoorbell(this.#words, thread);
  }

  awake(): void {
    Atomics.store(this.#words, this.#at, 0);
  }

  asleep(): void {
    if (!this.#isOpen) return;
    Atomics.store(this.#words, this.#at, 1);
    if (!this.#waiting) this.#startWait();
  }

  /** Nobody wakes this thread any more. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#tasks.clearTimer(this.#fallback);
    Atomics.store(this.#words, this.#at, 0);
    Atomics.notify(this.#words, this.#at);
  }

  #startWait(): void {
    const wait = Atomics.waitAsync(this.#words, this.#at, 1);
    if (wait.async) {
      this.#waiting = true;
      void wait.value.then(this.#onWake); // without a time limit the promise only ever resolves to 'ok'
    } else {
      this.#tasks.nextTurn(this.#onWake); // somebody rang between the store and the wait, and its notify found nobody
    }
  }

  readonly #onWake = (): void => {
    this.#waiting = false;
    if (this.#isOpen) this.#onRing(false);
  };

  readonly #onFallback = (): void => {
    if (!this.#isOpen) return;
    this.#fallback = this.#tasks.setTimer(this.#fallbackMs, this.#onFallback);
    this.#onRing(true);
  };
}
