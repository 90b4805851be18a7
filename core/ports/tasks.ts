/**
 * The event loop of one thread. A *turn* is one callback of the outside world (bytes on a socket, a ring drained, a file
 * operation done, a timer) with everything it runs synchronously and its microtasks.
 */

/** A timer; 0 is none. */
export type TimerHandle = number;

/** Classes that share a thread's time by shares (a scheduling group in Seastar's words). */
export const TaskClass = { Statement: 0, Raft: 1, Flush: 2, Compaction: 3, Streaming: 4, Control: 5 } as const;
export type TaskClass = (typeof TaskClass)[keyof typeof TaskClass];

export interface Tasks {
  /**
   * Runs `task` once when the current turn ends, however often it was asked for in that turn. The log writes, rings
   * publish and sockets flush here: one write per turn and peer (performance guide §2.2). Tasks run in order of first asking;
   * what they ask for runs in the same turn end.
   */
  atTurnEnd(task: () => void): void;
  /** Runs `task` in a turn of its own, after sockets and files had theirs. In the order of asking. */
  nextTurn(task: () => void): void;
  /** Resolves in a later turn, after sockets and files had theirs: background work calls it between slices of 0.5 ms. */
  yield(taskClass: TaskClass): Promise<void>;
  /** True when the background slice that began with the last `yield` is used up. Cheap enough to ask every few rows. */
  mustYield(): boolean;
  /** One call of `task` after `delayMs`, on the thread's timer wheel (granularity 10 ms or better). */
  setTimer(delayMs: number, task: () => void): TimerHandle;
  clearTimer(timer: TimerHandle): void;
}
