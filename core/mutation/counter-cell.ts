import { type ByteWriter, compareBytes, readI32BE, readU16BE } from '../bytes.ts';
import { compareInt64 } from '../int64.ts';

/**
 * The value of a live counter cell, big endian:
 *
 *   i16      n, number of header entries
 *   n × i16  header entries: 0x8000 + index marks that shard as global
 *   shards   16 bytes id | i64 clock | i64 count, sorted by id
 *
 * Everything since Cassandra 2.1 has global shards only. Merging keeps, per id, the shard with the higher clock.
 * @see spec/sstable.md §8.9
 */
const SHARD_BYTES = 32;
const ID_BYTES = 16;

/** Number of shards, or -1 when the bytes are no counter value. */
export function counterShardCount(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 2) return -1;
  const entries = readU16BE(bytes, start);
  if (entries >= 0x8000) return -1;
  const shardBytes = end - start - 2 - entries * 2;
  if (shardBytes < 0 || shardBytes % SHARD_BYTES !== 0 || shardBytes / SHARD_BYTES < entries) return -1;
  return shardBytes / SHARD_BYTES;
}

/**
 * Merges counter values one by one; `write` gives the union. Counters are rare and small: the shards are kept sorted by
 * insertion, in a buffer that is used again.
 */
export class CounterMerger {
  #shards: Uint8Array = new Uint8Array(8 * SHARD_BYTES);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  /** Adds a value. False, and nothing added, when it is no counter value. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const shards = counterShardCount(bytes, start, end);
    if (shards < 0) return false;
    for (let at = end - shards * SHARD_BYTES; at < end; at += SHARD_BYTES) this.#addShard(bytes, at);
    return true;
  }

  /** Bytes that `write` will append. */
  get size(): number {
    return 2 + this.#count * (2 + SHARD_BYTES);
  }

  /** Appends the merged value, all shards global. */
  write(out: ByteWriter): void {
    out.u16BE(this.#count);
    for (let i = 0; i < this.#count; i++) out.u16BE(0x8000 + i);
    out.raw(this.#shards, 0, this.#count * SHARD_BYTES);
  }

  #addShard(bytes: Uint8Array, at: number): void {
    let place = this.#count; // files are sorted, so the place is usually the end
    let order = 1;
    while (place > 0) {
      const other = (place - 1) * SHARD_BYTES;
      order = compareBytes(bytes, at, at + ID_BYTES, this.#shards, other, other + ID_BYTES);
      if (order >= 0) break;
      place--;
    }
    if (place > 0 && order === 0) {
      const other = (place - 1) * SHARD_BYTES;
      if (isNewerShard(bytes, at, this.#shards, other)) copyShard(bytes, at, this.#shards, other);
      return;
    }
    if ((this.#count + 1) * SHARD_BYTES > this.#shards.length) {
      const larger = new Uint8Array(this.#shards.length * 2);
      larger.set(this.#shards);
      this.#shards = larger;
    }
    this.#shards.copyWithin((place + 1) * SHARD_BYTES, place * SHARD_BYTES, this.#count * SHARD_BYTES);
    copyShard(bytes, at, this.#shards, place * SHARD_BYTES);
    this.#count++;
  }
}

/** By clock, then by count: a tie of clocks cannot come from a sound writer, but must be decided alike everywhere. */
function isNewerShard(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let field = ID_BYTES; field < SHARD_BYTES; field += 8) {
    const order = compareInt64(
      readI32BE(a, aAt + field),
      readI32BE(a, aAt + field + 4),
      readI32BE(b, bAt + field),
      readI32BE(b, bAt + field + 4),
    );
    if (order !== 0) return order > 0;
  }
  return false;
}

function copyShard(source: Uint8Array, at: number, target: Uint8Array, to: number): void {
  for (let i = 0; i < SHARD_BYTES; i++) target[to + i] = source[at + i]!;
}
