/**
 * One user per partition at a time, first come first served: what makes read-check-write of lightweight transactions atomic
 * on the shard that owns the partition.
 */
export class PartitionLatches {
  /** Those who wait, by partition; an empty list: held and nobody waits. */
  readonly #held = new Map<string, (() => void)[]>();

  /** Partitions that are held. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Resolves when the caller holds the partition; then it must `release` it. */
  acquire(partition: string): Promise<void> | undefined {
    const waiting = this.#held.get(partition);
    if (waiting === undefined) {
      this.#held.set(partition, []);
      return undefined;
    }
    return new Promise((granted) => waiting.push(granted));
  }

  /** Gives the partition to the next who waits. */
  release(partition: string): void {
    const next = this.#held.get(partition)!.shift();
    if (next === undefined) this.#held.delete(partition);
    else next();
  }
}
