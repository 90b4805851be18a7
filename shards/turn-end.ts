import { assert } from '../core/assert.ts';

/** More tasks in one turn end than this is a task that asks for itself for ever. */
const MAX_TASKS = 1_000_000;

/**
 * What runs when a turn ends: each task once, in the order of first asking. A task that asks for itself, or is asked for by a
 * later one, after it ran runs again in the same turn end.
 */
export class TurnEnd {
  readonly #tasks: Set<() => void>;

  constructor() {
    this.#tasks = new Set();
  }

  get isEmpty(): boolean {
    return this.#tasks.size === 0;
  }

  add(task: () => void): void {
    this.#tasks.add(task);
  }

  /** Runs all. When one throws, the rest stays for the next call. */
  run(): void {
    let count = 0;
    // A set is iterated in the order of insertion, and goes on to what is added meanwhile.
    for (const task of this.#tasks) {
      this.#tasks.delete(task);
      assert(++count <= MAX_TASKS, 'a turn ends');
      task();
    }
  }
}
