import { SyncMode } from '../../commitlog/commitlog-options.ts';
import { TesseraError } from '../../core/errors.ts';
import { outcomeOf } from '../../cql/protocol/error.ts';
import { Column, harnessTable, StoreHarness, sorted } from './store-harness.ts';
import type { StoreChange, StoreEvent } from './store-model.ts';

/** Operations that change what a crash would leave; the others need no crash of their own. */
export const CHANGING: ReadonlySet<string> = new Set([
  'open',
  'write',
  'fdatasync',
  'syncDirectory',
  'rename',
  'unlink',
  'truncate',
  'makeDirectory',
  'removeDirectory',
]);

/** A table's `compaction` option. */
export type CompactionSetting = Readonly<Record<string, string>>;

const SIZE_TIERED: CompactionSetting = { min_threshold: '3' };

/** The other strategies, with sizes and windows so small that a few rows are enough for everything they do. */
export const OTHER_STRATEGIES: Readonly<Record<string, CompactionSetting>> = {
  leveled: { class: 'LeveledCompactionStrategy', sstable_size_in_mb: '0.00005', fanout_size: '150' },
  timeWindow: {
    class: 'TimeWindowCompactionStrategy',
    timestamp_resolution: 'SECONDS',
    compaction_window_unit: 'MINUTES',
    compaction_window_size: '0.1',
    expired_sstable_check_frequency_seconds: '1',
    min_threshold: '2',
  },
  incremental: { class: 'IncrementalCompactionStrategy', sstable_size_in_mb: '0.008', min_threshold: '2' },
};

/** One step's event and what its caller was told: done, certainly not done, or neither. */
interface Step {
  readonly event: StoreEvent;
  readonly outcome: 'yes' | 'no' | 'maybe';
}

/**
 * A small piece of work with everything that changes files: writes, flushes, a compaction that purges, a truncation, a dropped
 * table. Each step waits for its end, so that at most one outcome is unknown at a time.
 */
export class StoreScenario {
  readonly harness: StoreHarness;
  readonly #steps: Step[] = [];
  readonly #hasMore: boolean;
  #timestamp = 0;

  /** @param compaction of the tables; with another strategy than size-tiered there are more flushes, and data that expires */
  constructor(seed: number, compaction: CompactionSetting = SIZE_TIERED, syncMode: SyncMode = SyncMode.Batch) {
    this.#hasMore = compaction !== SIZE_TIERED;
    // Uncompressed, so that little data is enough for several outputs.
    const options = { gcGraceSeconds: 0, compaction, ...(this.#hasMore && { compression: {} }) };
    this.harness = new StoreHarness(seed, {
      syncMode,
      tabletCount: 1,
      segmentBytes: 16 * 1024,
      tables: Array.from({ length: this.#hasMore ? 4 : 3 }, (_, i) => harnessTable(i + 1, options)),
    });
  }

  /** @throws what is no TesseraError: a bug */
  async run(): Promise<void> {
    const [kept, truncated, dropped, expired] = this.harness.tables.map(({ id }) => id as string) as string[] as [
      string,
      string,
      string,
      string,
    ];
    await this.open();
    if (this.harness.stores.length === 0) return;
    await this.#write(kept, 1, [row(1, 'first'), row(2, 'to be deleted'), row(3, 'to be overwritten')]);
    await this.#write(kept, 2, [row(1, 'of a partition that goes')]);
    await this.#write(truncated, 1, [row(1, 'flushed, then truncated')]);
    await this.#write(dropped, 1, [row(1, 'of a table that goes')]);
    await this.#try(() => this.harness.store.flush(() => true));
    await this.#write(kept, 1, [{ kind: 'deleteRow', c: 2 }, row(3, 'newer')]);
    await this.#write(kept, 2, [{ kind: 'deletePartition' }]);
    await this.#write(kept, 3, [row(1, 'second')]);
    await this.#try(() => this.harness.store.flush(() => true));
    await this.#write(truncated, 1, [row(2, 'in memory, then truncated')]);
    await this.#truncate(truncated);
    await this.#write(truncated, 1, [row(3, 'after')]);
    this.#drop(dropped);
    await this.#write(kept, 3, [{ kind: 'deleteRange', from: 1, to: 2 }, row(2, 'third')]);
    if (this.#hasMore) await this.#doMore(kept, expired);
    await this.#try(() => this.harness.store.compact(() => true));
    await this.#write(kept, 4, [row(1, 'in memory')]);
    await this.harness.pass(20);
  }

  /** SSTables for compactions of several levels, runs and windows, and one of nothing but data that has expired. */
  async #doMore(table: string, expired: string): Promise<void> {
    const flush = () => this.#try(() => this.harness.store.flush(() => true));
    await this.#write(expired, 1, [expiring(1, 'soon gone')]);
    for (let round = 0; round < 2; round++) {
      for (let p = 20; p < 23; p++)
        await this.#write(table, p, [row(round, `round ${round}`), row(9, `newest ${round}`)]);
      if (round === 1) await this.#write(table, 21, [{ kind: 'deletePartition' }]);
      await flush();
      await this.harness.pass(30);
    }
    await this.harness.pass(3_000);
    await this.#write(table, 30, [row(1, 'last')]);
    await flush();
    await this.harness.pass(22_000);
  }

  /** One more write, which must be taken. */
  async writeMore(): Promise<void> {
    const { outcome } = await this.#write(this.harness.tables[0]!.id, 5, [row(1, `at ${this.#timestamp}`)]);
    if (outcome !== 'yes') throw new Error('a write is not taken');
  }

  /** Throws unless what is read is what the certain steps and some of the uncertain ones come to. */
  async verify(): Promise<void> {
    const { harness } = this;
    const found = JSON.stringify(sorted(await harness.readAll()));
    const maybe = this.#steps.filter(({ outcome }) => outcome === 'maybe').map(({ event }) => event);
    if (maybe.length > 8) throw new Error(`${maybe.length} outcomes are unknown`);
    for (let subset = 0; subset < 1 << maybe.length; subset++) {
      const chosen = new Set(maybe.filter((_, i) => (subset & (1 << i)) !== 0));
      const events = this.#steps.filter(({ event, outcome }) => outcome === 'yes' || chosen.has(event));
      if (JSON.stringify(sorted(harness.expected(events.map(({ event }) => event)))) === found) return;
    }
    const steps = this.#steps.map(({ event, outcome }) => `${outcome}: ${JSON.stringify(event)}`);
    throw new Error(`found ${found}\nafter\n${steps.join('\n')}`);
  }

  /** Throws unless the directories hold the open SSTables, whole and committed, and nothing else. */
  verifyFiles(): void {
    const { files, store } = this.harness;
    const expected = new Set<string>();
    const directories = new Set<string>();
    for (const table of store.tables()) {
      directories.add(table.directory);
      for (const { sstable } of table.groups.flatMap((group) => group?.files ?? [])) {
        for (const component of sstable.components) expected.add(`${table.directory}/${sstable.prefix}-${component}`);
      }
    }
    const data = store.options.dataDirectory;
    const keyspaces = files.status(data) === undefined ? [] : files.list(data).map((name) => `${data}/${name}`);
    for (const directory of keyspaces.flatMap((keyspace) =>
      files.list(keyspace).map((name) => `${keyspace}/${name}`),
    )) {
      if (!directories.has(directory)) throw new Error(`${directory} is of no table`);
      for (const name of files.list(directory)) {
        if (!expected.delete(`${directory}/${name}`)) throw new Error(`${directory}/${name} is left over`);
      }
    }
    for (const path of expected) throw new Error(`${path} is missing`);
  }

  /** Starts; without stores if that fails. */
  async open(): Promise<void> {
    try {
      await this.harness.open();
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.harness.stores = [];
    }
  }

  async #write(tableId: string, p: number, changes: readonly StoreChange[]): Promise<Step> {
    const { harness } = this;
    const write = { tableId, p, timestamp: ++this.#timestamp, madeAt: harness.nowSeconds - 1, changes };
    const submitted = harness.submit(write);
    for (let i = 0; !submitted.isAcknowledged && submitted.error === undefined; i++) {
      if (i > 10_000) throw new Error(`a writer is told nothing: ${harness.messages.at(-1)}`);
      await harness.steps(1);
    }
    const { error } = submitted;
    const step: Step = {
      event: write,
      outcome: error === undefined ? 'yes' : outcomeOf(error) === 'definite' ? 'no' : 'maybe',
    };
    this.#steps.push(step);
    return step;
  }

  async #truncate(tableId: string): Promise<void> {
    const event = { truncatedTable: tableId, owns: () => true };
    const isDone = await this.#try(() => this.harness.store.truncate(tableId as never));
    this.#steps.push({ event, outcome: isDone ? 'yes' : 'maybe' });
  }

  /** The schema is group 0's: when the store hears of it, the table is gone for good. */
  #drop(tableId: string): void {
    this.harness.tables = this.harness.tables.filter(({ id }) => id !== tableId);
    this.harness.store.updateMetadata(this.harness.metadata());
  }

  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await this.harness.settle(work());
      return true;
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      return false;
    }
  }
}

function expiring(c: number, value: string): StoreChange {
  return { kind: 'row', c, markerTtl: 1, cells: [{ column: Column.V, value, ttl: 1 }] };
}

function row(c: number, value: string): StoreChange {
  return { kind: 'row', c, markerTtl: 0, cells: [{ column: Column.V, value, ttl: 0 }] };
}
