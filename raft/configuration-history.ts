import { assert } from '../core/assert.ts';
import { type Configuration, isVoter } from './configuration.ts';
import type { Member } from './member.ts';

/**
 * Every configuration that the log holds, with the index of its entry, after the one of the snapshot. A configuration is in
 * force from the moment its entry is appended (thesis §4.1), so cutting the log's tail brings the one before it back;
 * with the whole list that is popping, whatever the number of changes (bug B-30).
 */
export class ConfigurationHistory {
  /** At least one, rising: [0] is the snapshot's (or an older one not yet cut off). */
  readonly #indices: number[];
  readonly #configurations: Configuration[];

  constructor(index: number, configuration: Configuration) {
    this.#indices = [index];
    this.#configurations = [configuration];
  }

  get latest(): Configuration {
    return this.#configurations[this.#configurations.length - 1]!;
  }

  /** Index of the entry that holds `latest`, or of the snapshot. */
  get latestIndex(): number {
    return this.#indices[this.#indices.length - 1]!;
  }

  append(index: number, configuration: Configuration): void {
    assert(index > this.latestIndex, 'configurations come in the order of the log');
    this.#indices.push(index);
    this.#configurations.push(configuration);
  }

  /** The log lost its entries at and after `index`. */
  truncate(index: number): void {
    while (this.#indices.length > 1 && this.latestIndex >= index) {
      this.#indices.pop();
      this.#configurations.pop();
    }
    assert(this.latestIndex < index, 'the configuration of the snapshot is never cut off');
  }

  /** The log forgets its entries up to and including `index`. */
  compact(index: number): void {
    while (this.#indices.length > 1 && this.#indices[1]! <= index) {
      this.#indices.shift();
      this.#configurations.shift();
    }
  }

  /** A received snapshot replaced everything. */
  reset(index: number, configuration: Configuration): void {
    this.#indices.length = 0;
    this.#configurations.length = 0;
    this.#indices.push(index);
    this.#configurations.push(configuration);
  }

  /** The configuration in force at `index`. */
  at(index: number): Configuration {
    let at = this.#indices.length - 1;
    while (at > 0 && this.#indices[at]! > index) at--;
    assert(this.#indices[at]! <= index, 'the configuration of a forgotten index');
    return this.#configurations[at]!;
  }

  /**
   * Votes in a configuration that may be in force: the last committed one or a later one. A member that the newest,
   * uncommitted configuration leaves out may be the only one with a log long enough to win.
   */
  mayVote(member: Member, commit: number): boolean {
    for (let at = this.#indices.length - 1; at >= 0; at--) {
      if (isVoter(this.#configurations[at]!, member)) return true;
      if (this.#indices[at]! <= commit) return false;
    }
    return false;
  }
}
