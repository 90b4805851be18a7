import { LOOK_MS } from './look.ts';
import { type BucketOptions, bucketOptions, mostUseful } from './size-buckets.ts';
import {
  bytesOf,
  type Candidate,
  type CompactionContext,
  type CompactionStrategy,
  type CompactionTask,
  mergeOf,
} from './strategy.ts';
import { byFirstToken, isBefore, overlaps, spanOf, type TokenSpan } from './token-span.ts';
import { mostDroppable, type TombstoneOptions, tombstoneOptions } from './tombstones.ts';

const MIB = 1024 * 1024;
/** Nothing is moved above this level. */
export const TOP_LEVEL = 8;
/** More SSTables of level 0 than this are not merged into level 1 at once; with more, level 0 is behind. */
const MOST_OF_LEVEL_0 = 32;
/** A level may be fuller than its limit by this factor. */
const FULL: number = 1.001;
/** A level that has had no part in so many compactions of lower ones is drawn into the next. */
const STARVED_ROUNDS = 25;

/**
 * Keeps SSTables of one size in levels, each `fanout` times as large as the one below. Within a level from 1 on no two have tokens
 * in common, so a read looks into one file per level; flushes arrive in level 0, which is merged into level 1 when it
 * has enough for a file.
 *
 *   full level L >= 1   one of its files and those of L + 1 that it overlaps -> L + 1: the one with the fewest bytes above it per byte
 *   level 0             oldest first and what overlaps them, and of level 1 what they overlap -> level 1
 *   level 0 is behind   (more than 32 files) by size tiers within level 0, before anything else, as reads suffer from it most
 *
 * Differs from Cassandra: which file of a full level moves depends on overlaps alone and not on the one that moved last; a
 * level 0 of less than one file's size is merged by size tiers, so that small flushes are not rewritten with every other.
 * @see Cassandra `LeveledManifest`, ScyllaDB `leveled_manifest.hh`
 */
export class Leveled implements CompactionStrategy {
  readonly lookMs: number = LOOK_MS;
  readonly #fileBytes: number;
  readonly #fanout: number;
  readonly #buckets: BucketOptions;
  readonly #tombstones: TombstoneOptions;
  /** By level, choices since it was part of one. Forgotten at a restart, which delays what is starved. */
  readonly #idleRounds: number[] = new Array(TOP_LEVEL + 1).fill(0);

  /** @param options the table's `compaction` option, whose values were checked when it was set */
  constructor(options: Readonly<Record<string, string>>) {
    this.#fileBytes = Number(options.sstable_size_in_mb ?? 160) * MIB;
    this.#fanout = Number(options.fanout_size ?? 10);
    this.#buckets = bucketOptions(options);
    this.#tombstones = tombstoneOptions(options);
  }

  next(candidates: readonly Candidate[], context: CompactionContext): CompactionTask | undefined {
    const levels = levelsOf(candidates);
    const [fresh] = levels;
    if (fresh!.length > MOST_OF_LEVEL_0) {
      const similar = mostUseful(fresh!, this.#buckets);
      if (similar !== undefined) return mergeOf(similar);
    }
    for (let level = TOP_LEVEL - 1; level > 0; level--) {
      if (bytesOf(levels[level]!) <= this.#limitOf(level) * FULL) continue;
      return this.#into(level + 1, withFewestAbove(levels[level]!, levels[level + 1]!), levels);
    }
    return this.#ofLevel0(levels) ?? this.#ofTombstones(candidates, levels, context);
  }

  /** Everything into the lowest level that can hold it. */
  major(candidates: readonly Candidate[]): CompactionTask[] {
    if (candidates.length === 0) return [];
    const bytes = bytesOf(candidates);
    let level = 1;
    while (level < TOP_LEVEL && bytes > this.#limitOf(level)) level++;
    return [{ ...mergeOf(candidates), level, maxOutputBytes: this.#fileBytes }];
  }

  #limitOf(level: number): number {
    return this.#fanout ** level * this.#fileBytes;
  }

  #ofLevel0(levels: readonly Candidate[][]): CompactionTask | undefined {
    const fresh = levels[0]!;
    const chosen = oldestOverlapping(fresh);
    if (bytesOf(chosen) > this.#fileBytes) {
      const span = spanOf(chosen);
      return this.#into(1, [...chosen, ...levels[1]!.filter((each) => overlaps(each, span))], levels);
    }
    const similar = mostUseful(fresh, this.#buckets);
    return similar && mergeOf(similar);
  }

  /** A move into `level`, with what of higher levels was left out for too long. */
  #into(level: number, chosen: readonly Candidate[], levels: readonly Candidate[][]): CompactionTask {
    const inputs = [...chosen];
    const idle = this.#idleRounds;
    idle[level] = 0;
    for (let above = level + 1; above <= TOP_LEVEL; above++) {
      idle[above] = levels[above]!.length === 0 ? 0 : idle[above]! + 1;
    }
    const starved = levels.findLastIndex((files, at) => at > level && files.length > 0 && idle[at]! > STARVED_ROUNDS);
    if (starved > 0) {
      // Its data comes down into this level: only what lies inside of the inputs' tokens, or the level would overlap itself.
      const span = spanOf(chosen);
      const inside = levels[starved]!.find((file) => isInside(file, span));
      if (inside !== undefined) {
        inputs.push(inside);
        idle[starved] = 0;
      }
    }
    return { ...mergeOf(inputs), level, maxOutputBytes: this.#fileBytes };
  }

  #ofTombstones(
    candidates: readonly Candidate[],
    levels: readonly Candidate[][],
    context: CompactionContext,
  ): CompactionTask | undefined {
    const single = mostDroppable(candidates, this.#tombstones, context);
    if (single === undefined) return undefined;
    const level = levels.findIndex((files) => files.includes(single));
    return {
      ...mergeOf([single]),
      level,
      maxOutputBytes: level === 0 ? Number.POSITIVE_INFINITY : this.#fileBytes,
    };
  }
}

/**
 * By level, those from 1 on in the order of tokens. What overlaps its level (files of others, a table that was compacted otherwise
 * before) counts as level 0.
 */
export function levelsOf(candidates: readonly Candidate[]): Candidate[][] {
  const levels: Candidate[][] = Array.from({ length: TOP_LEVEL + 1 }, () => []);
  for (const candidate of candidates) levels[Math.min(Math.max(candidate.level, 0), TOP_LEVEL)]!.push(candidate);
  for (let level = 1; level <= TOP_LEVEL; level++) {
    const files = levels[level]!;
    if (files.length < 2) continue;
    files.sort(byFirstToken);
    let kept = 0;
    for (const file of files) {
      if (kept === 0 || isBefore(files[kept - 1]!, file)) files[kept++] = file;
      else levels[0]!.push(file);
    }
    files.length = kept;
  }
  return levels;
}

/** The file of a level that takes the fewest bytes of the next one with it, per byte of its own, and those bytes' files. */
function withFewestAbove(level: readonly Candidate[], above: readonly Candidate[]): Candidate[] {
  let best = { ratio: Number.POSITIVE_INFINITY, file: 0, start: 0, end: 0 };
  let start = 0;
  for (let file = 0; file < level.length; file++) {
    const span = level[file]!;
    while (start < above.length && isBefore(above[start]!, span)) start++;
    let end = start;
    let bytes = 0;
    for (; end < above.length && !isBefore(span, above[end]!); end++) bytes += above[end]!.sizeBytes;
    const ratio = bytes / Math.max(1, span.sizeBytes);
    if (ratio < best.ratio) best = { ratio, file, start, end };
  }
  return [level[best.file]!, ...above.slice(best.start, best.end)];
}

/** The oldest files of level 0 and all that overlap them, up to the limit. */
function oldestOverlapping(fresh: readonly Candidate[]): Candidate[] {
  const oldestFirst = [...fresh].sort((a, b) => a.createdMs - b.createdMs || a.id - b.id);
  const chosen = new Set<Candidate>();
  for (const file of oldestFirst) {
    if (chosen.has(file)) continue;
    for (const other of oldestFirst) if (overlaps(file, other)) chosen.add(other);
    if (chosen.size > MOST_OF_LEVEL_0) break;
  }
  return oldestFirst.filter((file) => chosen.has(file)).slice(0, MOST_OF_LEVEL_0);
}

function isInside(file: TokenSpan, span: TokenSpan): boolean {
  const both = spanOf([file, span]);
  return (
    both.firstHi === span.firstHi &&
    both.firstLo === span.firstLo &&
    both.lastHi === span.lastHi &&
    both.lastLo === span.lastLo
  );
}
