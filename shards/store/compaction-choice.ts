import { compareInt64 } from '../../core/int64.ts';
import { Int64Halves } from '../../core/vint.ts';
import type {
  Candidate,
  CompactionContext,
  CompactionStrategy,
  CompactionTask,
} from '../../sstable/compaction/strategy.ts';
import { strategyOf } from '../../sstable/compaction/strategy-of.ts';
import { chainsOf, overlaps, spanOf } from '../../sstable/compaction/token-span.ts';
import { runOfGeneration } from './generation.ts';
import { describeOutside, type OutsideDescription } from './outside-sstables.ts';
import type { GroupFile, StorageGroup } from './storage-group.ts';
import type { TableStore } from './table-store.ts';

/** "Never" of deletion times before `oa`; from it on greater ones are years from now too. */
const NO_TIME = 0x7fff_ffff;

/** A task with the SSTables themselves. */
export interface GroupTask extends Omit<CompactionTask, 'inputs'> {
  readonly inputs: readonly GroupFile[];
}

/** What the choice asks the store. */
export interface ChoiceWorld {
  readonly nowMs: number;
  /** False before the start is over: nothing may be purged. */
  readonly mayPurge: boolean;
  /** False when the log may be replayed beyond what the group would say without these. */
  mayDrop(group: StorageGroup, files: readonly GroupFile[]): boolean;
  newRun(): string;
}

/**
 * What one group should compact next. Remembers the strategy, what its SSTables are to it, and that there was nothing to do: then
 * nothing is looked at until SSTables or options change, or tombstones may have come of age.
 */
export class CompactionChoice {
  readonly #group: StorageGroup;
  #options: Readonly<Record<string, string>> | undefined;
  #strategy!: CompactionStrategy;
  readonly #moment = { gcBefore: 0 };
  readonly #candidates = new Map<GroupFile, FileCandidate>();
  #nextId = 0;
  /** Of when there was nothing to do. */
  #quietFiles: readonly GroupFile[] | undefined;
  #quietUntilMs = 0;
  /** Compactions of the group that have failed since the last that did not. */
  failures = 0;
  /** Nothing is started by itself before this time of the monotonic clock. */
  retryAtMs = 0;

  constructor(group: StorageGroup) {
    this.#group = group;
  }

  /** True when another look would find nothing. */
  isQuiet({ descriptor }: TableStore, nowMs: number): boolean {
    const { files } = this.#group;
    if (files.length === 0) return true;
    if (descriptor.options.compaction !== this.#options) return false;
    return files === this.#quietFiles && nowMs < this.#quietUntilMs;
  }

  /** The next look finds out anew. */
  wake(): void {
    this.#quietFiles = undefined;
  }

  /** The most useful task; undefined makes the group quiet. */
  next(table: TableStore, world: ChoiceWorld): GroupTask | undefined {
    const strategy = this.#strategyOf(table);
    const { files } = this.#group;
    const candidates = this.#candidatesOf(files);
    const task = strategy.next(candidates, this.#context(table, world));
    if (task !== undefined) return withFiles(task, candidates);
    this.#quietFiles = files;
    this.#quietUntilMs = world.nowMs + strategy.lookMs;
    return undefined;
  }

  /** Tasks of a major compaction. */
  major(table: TableStore, world: ChoiceWorld): GroupTask[] {
    const strategy = this.#strategyOf(table);
    const candidates = this.#candidatesOf(this.#group.files);
    return strategy.major(candidates, this.#context(table, world)).map((task) => withFiles(task, candidates));
  }

  /** What a compaction of these must not purge tombstones of, beside what is in memory. */
  outside(inputs: readonly GroupFile[]): OutsideDescription {
    const all = this.#group.files.map((file) => this.#candidateOf(file)); // damaged ones too
    const chosen = new Set(inputs);
    const ofInputs = inputs.map((file) => this.#candidateOf(file));
    const span = spanOf(ofInputs);
    let newestHi = ofInputs[0]!.maxTimestampHi;
    let newestLo = ofInputs[0]!.maxTimestampLo;
    for (const { maxTimestampHi, maxTimestampLo } of ofInputs) {
      if (compareInt64(maxTimestampHi, maxTimestampLo, newestHi, newestLo) <= 0) continue;
      newestHi = maxTimestampHi;
      newestLo = maxTimestampLo;
    }
    // What is newer than every tombstone of the inputs cannot be hidden by them.
    return describeOutside(
      all.filter(
        (each) =>
          !chosen.has(each.file) &&
          overlaps(each, span) &&
          compareInt64(each.minTimestampHi, each.minTimestampLo, newestHi, newestLo) <= 0,
      ),
    );
  }

  /** The inputs as they can be read: several after each other where they have no tokens in common. */
  chains(inputs: readonly GroupFile[]): GroupFile[][] {
    const spans = inputs.map((file) => this.#candidateOf(file));
    return chainsOf(spans).map((chain) => chain.map(({ file }) => file));
  }

  #strategyOf({ descriptor }: TableStore): CompactionStrategy {
    const { compaction } = descriptor.options;
    if (compaction !== this.#options) {
      this.#options = compaction;
      this.#strategy = strategyOf(compaction);
      this.#quietFiles = undefined;
    }
    return this.#strategy;
  }

  #context({ descriptor }: TableStore, world: ChoiceWorld): CompactionContext {
    const group = this.#group;
    const { nowMs } = world;
    const inMemory = new Int64Halves();
    group.leastTimestampInMemory(inMemory);
    this.#moment.gcBefore = world.mayPurge ? gcBeforeOf(descriptor.options, group.files, nowMs) : 0;
    return {
      nowMs,
      gcBefore: this.#moment.gcBefore,
      leastInMemoryHi: inMemory.hi,
      leastInMemoryLo: inMemory.lo,
      mayDrop: (candidates) =>
        world.mayDrop(
          group,
          candidates.map((candidate) => (candidate as FileCandidate).file),
        ),
      newRun: world.newRun,
    };
  }

  /** Those of the files that are not damaged. */
  #candidatesOf(files: readonly GroupFile[]): FileCandidate[] {
    if (this.#candidates.size > files.length) {
      const present = new Set(files);
      for (const file of this.#candidates.keys()) if (!present.has(file)) this.#candidates.delete(file);
    }
    const candidates: FileCandidate[] = [];
    for (const file of files) if (!file.isDamaged) candidates.push(this.#candidateOf(file));
    return candidates;
  }

  #candidateOf(file: GroupFile): FileCandidate {
    let candidate = this.#candidates.get(file);
    if (candidate === undefined) {
      candidate = new FileCandidate(this.#nextId++, file, this.#moment);
      this.#candidates.set(file, candidate);
    }
    return candidate;
  }
}

/**
 * Deletions and expiries of before may be purged from a compaction of the files; 0: none. With `only_purge_repaired_tombstones`
 * none while one of them was not repaired: until repair exists only files of others ever were.
 */
export function gcBeforeOf(
  options: TableStore['descriptor']['options'],
  files: readonly GroupFile[],
  nowMs: number,
): number {
  const isOnlyRepaired = options.compaction.only_purge_repaired_tombstones?.toLowerCase() === 'true';
  if (isOnlyRepaired && files.some(({ sstable }) => sstable.statistics.stats.repairedAtMs === 0)) return 0;
  return Math.max(0, Math.floor(nowMs / 1000) - options.gcGraceSeconds);
}

/** An SSTable as strategies see it. All but the share of tombstones is known when it is made. */
class FileCandidate implements Candidate {
  readonly id: number;
  readonly file: GroupFile;
  readonly prefix: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly level: number;
  readonly run: string;
  readonly firstHi: number;
  readonly firstLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
  readonly minTimestampHi: number;
  readonly minTimestampLo: number;
  readonly maxTimestampHi: number;
  readonly maxTimestampLo: number;
  readonly maxDeletionTime: number;
  readonly #moment: { readonly gcBefore: number };

  constructor(id: number, file: GroupFile, moment: { readonly gcBefore: number }) {
    const { sstable, sizeBytes, createdMs, generation } = file;
    const { stats } = sstable.statistics;
    this.id = id;
    this.file = file;
    this.prefix = sstable.prefix;
    this.sizeBytes = sizeBytes;
    this.createdMs = createdMs;
    this.level = stats.level;
    this.run = runOfGeneration(generation);
    this.firstHi = sstable.firstToken.hi;
    this.firstLo = sstable.firstToken.lo;
    this.lastHi = sstable.lastToken.hi;
    this.lastLo = sstable.lastToken.lo;
    this.minTimestampHi = stats.minTimestampHi;
    this.minTimestampLo = stats.minTimestampLo;
    this.maxTimestampHi = stats.maxTimestampHi;
    this.maxTimestampLo = stats.maxTimestampLo;
    this.maxDeletionTime =
      stats.maxLocalDeletionTime >= NO_TIME ? Number.POSITIVE_INFINITY : stats.maxLocalDeletionTime;
    this.#moment = moment;
  }

  /** Of its rows and cells, those that are tombstones or expired before gc grace. */
  get droppableShare(): number {
    const { stats } = this.file.sstable.statistics;
    const all = stats.cellCount + stats.rowCount;
    return all === 0 ? 0 : Math.min(1, stats.tombstones.countBefore(this.#moment.gcBefore) / all);
  }
}

function withFiles({ inputs, ...task }: CompactionTask, candidates: readonly FileCandidate[]): GroupTask {
  const chosen = new Set(inputs);
  return { ...task, inputs: candidates.filter(({ id }) => chosen.has(id)).map(({ file }) => file) };
}
