import { assert } from '../../core/assert.ts';
import { compareInt64 } from '../../core/int64.ts';
import { Murmur3Hash, murmur3 } from '../../core/murmur3.ts';
import type { Files } from '../../core/ports/files.ts';
import type { Int64Halves } from '../../core/vint.ts';
import { readFilter } from '../../sstable/filter-file.ts';
import type { BloomFilter } from '../../sstable/format/filter.ts';

/** SSTables of a tablet that are no inputs of a compaction, as plain data. */
export interface OutsideDescription {
  readonly prefixes: readonly string[];
  /** Six per SSTable: halves of the first token, of the last one, of the least timestamp. */
  readonly words: Int32Array;
}
const WORDS = 6;

/** Bloom filters in memory at once; SSTables beyond count as if they had every partition of their tokens. */
const MOST_FILTERS = 64;

interface Outside {
  readonly prefix: string;
  readonly firstHi: number;
  readonly firstLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
  readonly minHi: number;
  readonly minLo: number;
  /** Undefined: not read yet, or `hasNoFilter`. */
  filter: BloomFilter | undefined;
  hasNoFilter: boolean;
}

/**
 * How old the data is that a compaction does not see, partition by partition: only tombstones that are older than that may be purged
 * (spec/sstable.md §19.4). By token range first, then by bloom filter, each read when it is first needed and kept while
 * partitions of its file's range come. Partitions are asked about in the order of tokens.
 */
export class OutsideSSTables {
  readonly #files: Files;
  readonly #directory: string;
  /** By first token; those before `#next` have begun. */
  readonly #byFirst: Outside[] = [];
  #next = 0;
  /** Those whose range is not over, oldest data first. */
  #current: Outside[] = [];
  #filters = 0;
  readonly #hash: Murmur3Hash = new Murmur3Hash();
  #lastHi = -0x8000_0000;
  #lastLo = 0;

  constructor(files: Files, directory: string, { prefixes, words }: OutsideDescription) {
    this.#files = files;
    this.#directory = directory;
    prefixes.forEach((prefix, i) => {
      const [firstHi, firstLo, lastHi, lastLo, minHi, minLo] = words.subarray(i * WORDS, (i + 1) * WORDS) as unknown as [
        number, number, number, number, number, number,
      ]; // biome-ignore format: six numbers
      this.#byFirst.push({ prefix, firstHi, firstLo, lastHi, lastLo, minHi, minLo, filter: undefined, hasNoFilter: false }); // biome-ignore format: one record
    });
    this.#byFirst.sort((a, b) => compareInt64(a.firstHi, a.firstLo, b.firstHi, b.firstLo));
  }

  /**
   * Lowers `into` to the least timestamp of the SSTables that may have the partition. Borrows the key.
   * @throws FileOperationError
   */
  lower(tokenHi: number, tokenLo: number, key: Uint8Array, start: number, end: number, into: Int64Halves): void {
    this.#moveTo(tokenHi, tokenLo);
    let isHashed = false;
    for (const outside of this.#current) {
      if (compareInt64(outside.minHi, outside.minLo, into.hi, into.lo) >= 0) return;
      const filter = this.#filterOf(outside);
      if (filter !== undefined) {
        if (!isHashed) murmur3(key, start, end, this.#hash);
        isHashed = true;
        if (!filter.mayContain(this.#hash)) continue;
      }
      into.hi = outside.minHi;
      into.lo = outside.minLo;
      return;
    }
  }

  #moveTo(tokenHi: number, tokenLo: number): void {
    assert(compareInt64(tokenHi, tokenLo, this.#lastHi, this.#lastLo) >= 0, 'partitions come in the order of tokens');
    this.#lastHi = tokenHi;
    this.#lastLo = tokenLo;
    const isOver = (each: Outside): boolean => compareInt64(each.lastHi, each.lastLo, tokenHi, tokenLo) < 0;
    if (this.#current.some(isOver)) {
      for (const each of this.#current) if (isOver(each) && each.filter !== undefined) this.#filters--;
      this.#current = this.#current.filter((each) => !isOver(each));
    }
    let hasNew = false;
    for (; this.#next < this.#byFirst.length; this.#next++) {
      const each = this.#byFirst[this.#next]!;
      if (compareInt64(each.firstHi, each.firstLo, tokenHi, tokenLo) > 0) break;
      if (isOver(each)) continue;
      this.#current.push(each);
      hasNew = true;
    }
    if (hasNew) this.#current.sort((a, b) => compareInt64(a.minHi, a.minLo, b.minHi, b.minLo));
  }

  #filterOf(outside: Outside): BloomFilter | undefined {
    if (outside.filter !== undefined || outside.hasNoFilter || this.#filters >= MOST_FILTERS) return outside.filter;
    outside.filter = readFilter(this.#files, this.#directory, outside.prefix);
    if (outside.filter === undefined) outside.hasNoFilter = true;
    else this.#filters++;
    return outside.filter;
  }
}

/** One of `OutsideDescription`. */
export interface OutsideFile {
  readonly prefix: string;
  readonly firstHi: number;
  readonly firstLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
  readonly minTimestampHi: number;
  readonly minTimestampLo: number;
}

export function describeOutside(files: readonly OutsideFile[]): OutsideDescription {
  const words = new Int32Array(files.length * WORDS);
  files.forEach((file, i) => {
    const { firstHi, firstLo, lastHi, lastLo, minTimestampHi, minTimestampLo } = file;
    words.set([firstHi, firstLo, lastHi, lastLo, minTimestampHi, minTimestampLo], i * WORDS);
  });
  return { prefixes: files.map(({ prefix }) => prefix), words };
}
