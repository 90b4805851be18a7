import { INT64_MAX_HI, INT64_MAX_LO, int64Hi, int64Lo } from '../../core/int64.ts';
import type {
  Candidate,
  CompactionContext,
  CompactionStrategy,
  CompactionTask,
} from '../../sstable/compaction/strategy.ts';
import { TaskKind } from '../../sstable/compaction/strategy.ts';

export const MIB: number = 1024 * 1024;
export const DAY_MS = 86_400_000;

/** A context in which nothing is in memory and everything of before `gcBefore` may go. */
export function contextAt(nowMs: number, changes: Partial<CompactionContext> = {}): CompactionContext {
  let runs = 0;
  return {
    nowMs,
    gcBefore: Math.floor(nowMs / 1000),
    leastInMemoryHi: INT64_MAX_HI,
    leastInMemoryLo: INT64_MAX_LO,
    mayDrop: () => true,
    newRun: () => `new ${++runs}`,
    ...changes,
  };
}

/** A candidate with all tokens and without tombstones, but for what is said otherwise. */
export function candidateOf(id: number, sizeBytes: number, changes: Partial<Candidate> = {}): Candidate {
  return {
    id,
    sizeBytes,
    droppableShare: 0,
    createdMs: 0,
    level: 0,
    run: `run of ${id}`,
    firstHi: -0x8000_0000,
    firstLo: 0,
    lastHi: INT64_MAX_HI,
    lastLo: INT64_MAX_LO,
    minTimestampHi: 0,
    minTimestampLo: 1,
    maxTimestampHi: 0,
    maxTimestampLo: 1,
    maxDeletionTime: Number.POSITIVE_INFINITY,
    ...changes,
  };
}

/** Halves of a timestamp, as the newest of a candidate. */
export function writtenUntil(us: number): Pick<Candidate, 'maxTimestampHi' | 'maxTimestampLo'> {
  return { maxTimestampHi: int64Hi(us), maxTimestampLo: int64Lo(us) };
}

/** Tokens by their upper halves. */
export function tokens(first: number, last: number): Pick<Candidate, 'firstHi' | 'firstLo' | 'lastHi' | 'lastLo'> {
  return { firstHi: first, firstLo: 0, lastHi: last, lastLo: 0 };
}

/** An SSTable of the model: which keys it has. Keys are tokens' upper halves; each takes `KEY_BYTES`. */
export interface ModelFile extends Candidate {
  readonly keys: readonly number[];
}
export const KEY_BYTES: number = MIB;

/** Carries tasks out on sets of keys: what a store does, without rows. */
export class CompactionModel {
  files: ModelFile[] = [];
  flushedBytes = 0;
  rewrittenBytes = 0;
  /** Most bytes that were on disk at once, inputs and outputs of a task together. */
  peakBytes = 0;
  nowMs: number = DAY_MS;
  readonly #strategy: CompactionStrategy;
  #nextId = 1;
  #runs = 0;

  constructor(strategy: CompactionStrategy) {
    this.#strategy = strategy;
  }

  get bytes(): number {
    return this.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  flush(keys: Iterable<number>): void {
    const sorted = [...new Set(keys)].sort((a, b) => a - b);
    if (sorted.length === 0) return;
    this.nowMs += 1000;
    this.#add(sorted, 0, `flush ${this.#nextId}`);
    this.flushedBytes += sorted.length * KEY_BYTES;
  }

  /** Does what the strategy wants until it wants no more. @throws when it goes on for ever */
  settle(afterEach: () => void = () => {}): void {
    for (let i = 0; ; i++) {
      if (i > 2000) throw new Error('the strategy wants more for ever');
      const task = this.#strategy.next(this.files, this.context());
      if (task === undefined) return;
      this.carryOut(task);
      afterEach();
    }
  }

  major(): void {
    for (const task of this.#strategy.major(this.files, this.context())) this.carryOut(task);
  }

  context(): CompactionContext {
    return contextAt(this.nowMs, { newRun: () => `run ${++this.#runs}`, gcBefore: 0 });
  }

  carryOut({ kind, inputs, level, maxOutputBytes, cells, run }: CompactionTask): void {
    if (new Set(inputs).size !== inputs.length || inputs.length === 0) throw new Error(`inputs ${inputs}`);
    const chosen = inputs.map((id) => {
      const file = this.files.find((each) => each.id === id);
      if (file === undefined) throw new Error(`there is no file ${id}`);
      return file;
    });
    const before = this.bytes;
    this.files = this.files.filter((file) => !chosen.includes(file));
    if (kind === TaskKind.Drop) return;
    const all = [...new Set(chosen.flatMap(({ keys }) => keys))].sort((a, b) => a - b);
    const ofRun = run ?? `output ${++this.#runs}`;
    this.rewrittenBytes += all.length * KEY_BYTES;
    this.peakBytes = Math.max(this.peakBytes, before + all.length * KEY_BYTES);
    let output: number[] = [];
    const cellOf = (key: number): number => Math.floor(((key + 2 ** 31) / 2 ** 32) * cells);
    for (const key of all) {
      const isFull = output.length * KEY_BYTES >= maxOutputBytes;
      if (output.length > 0 && (isFull || cellOf(key) !== cellOf(output[0]!))) {
        this.#add(output, level, ofRun);
        output = [];
      }
      output.push(key);
    }
    this.#add(output, level, ofRun);
  }

  #add(keys: readonly number[], level: number, run: string): void {
    const changes = { level, run, createdMs: this.nowMs, ...tokens(keys[0]!, keys.at(-1)!) };
    this.files.push({ ...candidateOf(this.#nextId++, keys.length * KEY_BYTES, changes), keys });
  }
}
