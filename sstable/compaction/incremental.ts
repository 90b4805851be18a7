import { LOOK_MS } from './look.ts';
import { type BucketOptions, bucketOptions, bucketsOf, mostUseful } from './size-buckets.ts';
import {
  bytesOf,
  type Candidate,
  type CompactionContext,
  type CompactionStrategy,
  type CompactionTask,
  mergeOf,
} from './strategy.ts';
import { disjointGroups } from './token-span.ts';
import { mostDroppable, type TombstoneOptions, tombstoneOptions } from './tombstones.ts';

const MIB = 1024 * 1024;
/** A fragment is cut only when it is larger than wanted by this factor: cells of tokens are never equally full. */
const SLACK = 1.25;

/** Fragments of one run, which have no tokens in common. */
interface Run {
  readonly id: string;
  readonly fragments: Candidate[];
  sizeBytes: number;
}

/**
 * Size tiers of *runs*: what one merge makes is cut into fragments of about `sstable_size_in_mb`, and runs of similar size are merged
 * fragment by fragment, so that a merge needs disk space for a few fragments instead of for all of its inputs again.
 *
 * Fragments end where equal parts of the tablet's tokens end (cells, a power of two of them), so those of different runs meet at the
 * same tokens. A merge of runs is a series of tasks, one per range of tokens in which fragments overlap; each is a compaction of
 * its own that commits its outputs and removes its inputs at once. Their outputs belong to one new run (decision 0006).
 *
 * With `space_amplification_goal` the two largest tiers are merged as soon as the smaller is more than goal - 1 of the larger.
 * @see ScyllaDB `incremental_compaction_strategy.cc`
 */
export class Incremental implements CompactionStrategy {
  readonly lookMs: number = LOOK_MS;
  readonly #fragmentBytes: number;
  readonly #spaceGoal: number;
  readonly #buckets: BucketOptions;
  readonly #tombstones: TombstoneOptions;
  /** The merge under way: runs that are being emptied, and the one that takes their place. A restart forgets it and begins another. */
  #merge: { readonly inputs: ReadonlySet<string>; readonly output: string; readonly cells: number } | undefined;

  /** @param options the table's `compaction` option, whose values were checked when it was set */
  constructor(options: Readonly<Record<string, string>>) {
    this.#fragmentBytes = Number(options.sstable_size_in_mb ?? 1000) * MIB;
    this.#spaceGoal = Number(options.space_amplification_goal ?? Number.POSITIVE_INFINITY);
    this.#buckets = bucketOptions(options);
    this.#tombstones = tombstoneOptions(options);
  }

  next(candidates: readonly Candidate[], context: CompactionContext): CompactionTask | undefined {
    const runs = runsOf(candidates);
    const continued = this.#continued(runs);
    if (continued !== undefined) return continued;
    const chosen = mostUseful(runs, this.#buckets) ?? this.#overGoal(runs);
    if (chosen !== undefined) {
      this.#merge = {
        inputs: new Set(chosen.map(({ id }) => id)),
        output: context.newRun(),
        cells: this.#cellsOf(bytesOf(chosen)),
      };
      return this.#continued(runs);
    }
    const single = mostDroppable(candidates, this.#tombstones, context);
    return single && { ...mergeOf([single]), run: single.run, maxOutputBytes: this.#fragmentBytes * SLACK };
  }

  /** One run of all. */
  major(candidates: readonly Candidate[], context: CompactionContext): CompactionTask[] {
    const cells = this.#cellsOf(bytesOf(candidates));
    const output = context.newRun();
    this.#merge = undefined;
    return this.#slices(candidates).map((slice) => this.#task(slice, output, cells));
  }

  /** The next task of the merge under way. */
  #continued(runs: readonly Run[]): CompactionTask | undefined {
    if (this.#merge === undefined) return undefined;
    const { inputs, output, cells } = this.#merge;
    const left = runs.filter(({ id }) => inputs.has(id)).flatMap(({ fragments }) => fragments);
    if (left.length > 0) return this.#task(this.#slices(left)[0]!, output, cells);
    this.#merge = undefined;
    return undefined;
  }

  #overGoal(runs: readonly Run[]): Run[] | undefined {
    const [second, largest] = bucketsOf(runs, this.#buckets).slice(-2);
    if (second === undefined || largest === undefined) return undefined;
    if (1 + second.sizeBytes / largest.sizeBytes <= this.#spaceGoal) return undefined;
    return [...second.items, ...largest.items];
  }

  /** Fragments in groups that have no tokens in common, in order; each is worth a task of its own. */
  #slices(fragments: readonly Candidate[]): Candidate[][] {
    const slices: Candidate[][] = [];
    let bytes = Number.POSITIVE_INFINITY;
    for (const group of disjointGroups(fragments)) {
      if (bytes >= this.#fragmentBytes) {
        slices.push([]);
        bytes = 0;
      }
      slices.at(-1)!.push(...group);
      bytes += bytesOf(group);
    }
    return slices;
  }

  #cellsOf(bytes: number): number {
    return 2 ** Math.max(0, Math.ceil(Math.log2(bytes / this.#fragmentBytes)));
  }

  #task(slice: readonly Candidate[], run: string, cells: number): CompactionTask {
    return { ...mergeOf(slice), run, cells, maxOutputBytes: this.#fragmentBytes * SLACK };
  }
}

/** By run. */
function runsOf(candidates: readonly Candidate[]): Run[] {
  const runs = new Map<string, Run>();
  for (const candidate of candidates) {
    let run = runs.get(candidate.run);
    if (run === undefined) {
      run = { id: candidate.run, fragments: [], sizeBytes: 0 };
      runs.set(candidate.run, run);
    }
    run.fragments.push(candidate);
    run.sizeBytes += candidate.sizeBytes;
  }
  return [...runs.values()];
}
