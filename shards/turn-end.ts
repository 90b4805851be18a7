import { assert } from '../core/assert.ts';

/** More tasks in one turn end than this is a task that asks for itself for ever. */
const MAX_TASKS = 1_000_000;

/**
 * What runs when a turn ends: each task once, in the order of first asking. A task that asks for itself, or is asked for by a
 * later one, after it ran runs again in the same turn end. Made for the handful of tasks that a thread has.
 */
export class TurnEnd {
  readonly #tasks: (() => void)[];
  /** How many of them have run. */
  #done: number;

  constructor() {
    this.#tasks = [];
    this.#done = 0;
  }

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  add(task: () => void): void {
    const tasks = this.#tasks;
    for (let i = this.#done; i < tasks.length; i++) if (tasks[i] === task) return;
    tasks.push(task);
  }

  /** Runs all. When one throws, the rest stays for the next call. */
  run(): void {
    const tasks = this.#tasks;
    try {
      while (this.#done < tasks.length) {
        assert(this.#done < MAX_TASKS, 'a turn ends');
        tasks[this.#done++]!();
      }
    } finally {
      if (this.#done === tasks.length) tasks.length = 0;
      else tasks.splice(0, this.#done);
      this.#done = 0;
    }
  }
}
