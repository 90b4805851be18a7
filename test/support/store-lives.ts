import { SyncMode } from '../../commitlog/commitlog-options.ts';
import { InvalidRequestError, TesseraError } from '../../core/errors.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { Column, harnessTable, StoreHarness, type Submitted, sorted, withNewColumn } from './store-harness.ts';
import type { StoreCell, StoreChange, StoreEvent, StoreWrite } from './store-model.ts';
import { type CompactionSetting, OTHER_STRATEGIES } from './store-scenario.ts';

/** Timestamps of one life; those of the next are all above. */
const TIMESTAMPS_PER_LIFE = 100_000;
const MANY_DAYS = 1_000_000;
const LONGEST_TTL = 5;
/** Every strategy, with thresholds so low and sizes so small that it always has something to do. */
const COMPACTIONS: readonly CompactionSetting[] = [
  { class: 'SizeTieredCompactionStrategy', min_threshold: '2' },
  { class: 'LeveledCompactionStrategy', sstable_size_in_mb: '0.002', fanout_size: '10' },
  { ...OTHER_STRATEGIES.timeWindow, timestamp_resolution: 'SECONDS', compaction_window_size: '5' },
  { class: 'IncrementalCompactionStrategy', sstable_size_in_mb: '0.01', min_threshold: '2' },
  { class: 'IncrementalCompactionStrategy', sstable_size_in_mb: '0.02', space_amplification_goal: '1.2' },
];

export interface LivesReport {
  readonly lives: number;
  readonly writes: number;
  readonly flushes: number;
  readonly compactions: number;
  /** Of those: with several outputs; removals of what had expired. */
  readonly splits: number;
  readonly drops: number;
  readonly truncations: number;
  readonly crashesInRecovery: number;
}

/**
 * Some lives of a node under random work: writes of every kind, flushes, compactions, truncations, tables dropped and made, columns
 * dropped and made anew between lives, other numbers of shards; each life ends by a power cut, a kill or a shutdown, and the next
 * start may be cut as well, several times. After each start the node must show a prefix of what each shard's log took, one
 * that has everything acknowledged as its sync mode promises.
 * @param isShort fewer and shorter lives, for tests that must be quick
 * @throws Error that says which life of which seed went wrong
 */
export async function storeLives(seed: number, isShort = false): Promise<LivesReport> {
  const run = new LivesRun(seed, isShort);
  try {
    return await run.run();
  } catch (error) {
    throw new Error(`TESSERA_SEED=${seed}, life ${run.life}: ${(error as Error).message}`, { cause: error });
  }
}

class LivesRun {
  life = 0;
  readonly #isShort: boolean;
  readonly #random: SimRandom;
  readonly #harness: StoreHarness;
  /** What is known to have been taken in earlier lives. */
  #confirmed: StoreEvent[] = [];
  #submitted: Submitted[] = [];
  #truncations: { readonly table: string; isDone: boolean }[] = [];
  #background: Promise<unknown>[] = [];
  #lastTable: number;
  #lastTimestamp = 0;
  readonly #report = {
    lives: 0,
    writes: 0,
    flushes: 0,
    compactions: 0,
    splits: 0,
    drops: 0,
    truncations: 0,
    crashesInRecovery: 0,
  };

  constructor(seed: number, isShort: boolean) {
    this.#isShort = isShort;
    const random = new SimRandom(seed * 7919 + 13);
    this.#random = random;
    const tables = random.integer(1, 4);
    this.#lastTable = tables;
    this.#harness = new StoreHarness(seed, {
      syncMode: this.#anyMode(),
      memtableBytes: random.pick([640, 1024, 2048]) * 1024,
      segmentBytes: random.pick([16, 64]) * 1024,
      commitlogBytes: random.pick([96, 256, 1024]) * 1024,
      tabletCount: random.pick([1, 2, 4]),
      shardCount: random.integer(1, 3),
      tables: Array.from({ length: tables }, (_, i) => this.#newTable(i + 1)),
    });
  }

  async run(): Promise<LivesReport> {
    const harness = this.#harness;
    await harness.open();
    const lives = this.#isShort ? 2 : this.#random.integer(3, 6);
    for (this.life = 1; this.life <= lives; this.life++) {
      this.#submitted = [];
      this.#truncations = [];
      this.#background = [];
      await this.#work();
      for (const store of harness.stores) {
        this.#report.flushes += store.stats().flushes;
        this.#report.compactions += store.stats().compactions;
        for (const { kind, outputs } of store.compactor.history.latest()) {
          if (outputs > 1) this.#report.splits++;
          if (kind === 'drop') this.#report.drops++;
        }
      }
      const end = this.#random.pick(['power', 'power', 'kill', 'close'] as const);
      if (end === 'close') await harness.close();
      await harness.stop(end === 'power');
      const histories = harness.histories.map((history) => [...history]);
      const shardCount = harness.shardCount;
      this.#reconfigure();
      const hadPower = await this.#reopen();
      await this.#judge(histories, shardCount, end !== 'power' && hadPower);
      this.#report.lives++;
    }
    await harness.close();
    if (harness.files.openCount > 0) throw new Error(`${harness.files.openCount} descriptors were left open`);
    return this.#report;
  }

  async #work(): Promise<void> {
    const random = this.#random;
    const harness = this.#harness;
    const count = this.#isShort ? random.integer(8, 24) : random.integer(15, 60);
    const valueBytes = random.pick([20, 2000, 8000]);
    for (let i = 0; i < count; i++) {
      const dice = random.next();
      if (dice < 0.8) this.#write(valueBytes);
      else if (dice < 0.88) this.#inBackground(harness.stores.map((store) => store.flush(() => true)));
      else if (dice < 0.93) this.#inBackground(harness.stores.map((store) => store.compact(() => true)));
      else if (dice < 0.96) this.#truncate(random.pick(harness.tables));
      else if (dice < 0.97) this.#alter();
      else if (dice < 0.98) this.#dropOrCreate();
      else await this.#settleAll();
      await harness.steps(random.integer(0, 30));
    }
    if (random.chance(0.4)) {
      await this.#settleAll();
      this.#compare(await harness.readAll(), [...this.#confirmed, ...harness.histories.flat()]);
    }
  }

  #write(valueBytes: number): void {
    const random = this.#random;
    const harness = this.#harness;
    const table = random.pick(harness.tables);
    const write: StoreWrite = {
      tableId: table.id,
      p: random.integer(0, 6),
      timestamp: this.#timestamp(table),
      madeAt: harness.nowSeconds - random.integer(1, 3),
      changes: Array.from({ length: random.integer(1, 4) }, (_, i) => this.#change(table, i, valueBytes)),
    };
    this.#report.writes++;
    this.#submitted.push(harness.submit(write, random.chance(0.15)));
  }

  /** Changes of one write are of different rows: part `i` has its own. */
  #change(table: TableDescriptor, i: number, valueBytes: number): StoreChange {
    const random = this.#random;
    const columns = table.regulars.map(({ id }) => id as number);
    const cell = (column: number): StoreCell => ({
      column,
      value: random.chance(0.15)
        ? undefined
        : `${this.life}-${this.#lastTimestamp}${'y'.repeat(random.integer(0, valueBytes))}`,
      ttl: random.chance(0.2) ? random.integer(1, LONGEST_TTL + 1) : 0,
    });
    const c = i * 4 + random.integer(0, 4);
    const dice = random.next();
    if (dice < 0.7) {
      const markerTtl = random.pick([0, 0, 0, -1, 3]);
      const cells = columns.filter(() => random.chance(0.7)).map(cell);
      return { kind: 'row', c, markerTtl: cells.length === 0 ? 0 : markerTtl, cells };
    }
    if (i > 0 || dice < 0.8) return { kind: 'deleteRow', c };
    if (dice < 0.88) return { kind: 'static', cell: cell(Column.S) };
    if (dice < 0.95) return { kind: 'deleteRange', from: c, to: c + random.integer(1, 6) };
    return { kind: 'deletePartition' };
  }

  /** Rising where tombstones may be purged at once; else any, for every order must come to the same. */
  #timestamp(table: TableDescriptor): number {
    const n = ++this.#lastTimestamp % 10_000;
    const base = this.life * TIMESTAMPS_PER_LIFE;
    return table.options.gcGraceSeconds === 0 ? base + n * 10 : base + ((n * 7919) % 10_000) * 10 + 1;
  }

  #truncate(table: TableDescriptor): void {
    for (const store of this.#harness.stores) {
      const truncation = { table: table.id as string, isDone: false };
      this.#truncations.push(truncation);
      this.#report.truncations++;
      this.#inBackground([
        store.truncate(table.id).then(() => {
          truncation.isDone = true;
        }),
      ]);
    }
  }

  #dropOrCreate(): void {
    const harness = this.#harness;
    const { tables } = harness;
    if (tables.length > 1 && this.#random.chance(0.5)) {
      const dropped = this.#random.pick(tables);
      harness.tables = tables.filter((table) => table !== dropped);
    } else {
      harness.tables = [...tables, this.#newTable(++this.#lastTable)];
    }
    for (const store of harness.stores) store.updateMetadata(harness.metadata());
  }

  #newTable(number: number): TableDescriptor {
    const random = this.#random;
    const gcGraceSeconds = random.chance(0.6) ? 0 : MANY_DAYS;
    // Without compression little data is enough for several outputs.
    const compression = random.chance(0.5) ? {} : DEFAULT_TABLE_OPTIONS.compression;
    return harnessTable(number, { gcGraceSeconds, compression, compaction: random.pick(COMPACTIONS) });
  }

  /** Another strategy from one moment to the next. */
  #alter(): void {
    const harness = this.#harness;
    const altered = this.#random.pick(harness.tables);
    const { definition } = altered;
    const options = { ...definition.options, compaction: this.#random.pick(COMPACTIONS) };
    const table = new TableDescriptor({ ...definition, version: definition.version + 1, options });
    harness.tables = harness.tables.map((each) => (each === altered ? table : each));
    for (const store of harness.stores) store.updateMetadata(harness.metadata());
  }

  #reconfigure(): void {
    const random = this.#random;
    const harness = this.#harness;
    if (random.chance(0.3)) harness.shardCount = random.integer(1, 4);
    if (random.chance(0.3)) harness.memtableBytes = random.pick([640, 1024]) * 1024;
    if (random.chance(0.3)) harness.syncMode = this.#anyMode();
    if (random.chance(0.3)) {
      const droppedAtUs = (this.life + 1) * TIMESTAMPS_PER_LIFE - 1;
      harness.tables = harness.tables.map((table) => (random.chance(0.5) ? withNewColumn(table, droppedAtUs) : table));
    }
    if (random.chance(0.2)) harness.tables = [...harness.tables, this.#newTable(++this.#lastTable)];
    if (random.chance(0.1) && harness.tables.length > 1) harness.tables = harness.tables.slice(1);
  }

  /** Starts, perhaps cut several times at some file operation. False: by a power cut, which takes what no sync had covered. */
  async #reopen(): Promise<boolean> {
    const random = this.#random;
    const harness = this.#harness;
    let hadPower = true;
    for (let cuts = random.chance(0.4) ? random.integer(1, 4) : 0; cuts > 0; cuts--) {
      const last = harness.files.operationCount + random.integer(1, 150);
      harness.files.plan = (_operation, _path, number) => (number > last ? { errno: 'EIO' } : undefined);
      this.#report.crashesInRecovery++;
      try {
        await harness.open();
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
      }
      const isPowerFailure = random.chance(0.7);
      if (isPowerFailure) hadPower = false;
      await harness.stop(isPowerFailure);
    }
    await harness.open();
    return hadPower;
  }

  /** Holds what is there against the prefixes of each shard's history. */
  async #judge(histories: readonly StoreEvent[][], shardCount: number, keepsAcknowledged: boolean): Promise<void> {
    const harness = this.#harness;
    const nowSeconds = harness.nowSeconds;
    const views = [await harness.readAll(nowSeconds)];
    const taken: StoreEvent[] = [];
    for (const [shard, history] of histories.entries()) {
      const ofShard = (rows: ReadonlyMap<string, string>) =>
        new Map([...rows].filter(([key]) => harness.shardOf(Number(key.split('/')[1]), shardCount) === shard));
      const fits = (length: number, seconds: number): boolean => {
        const expected = harness.expected([...this.#confirmed, ...history.slice(0, length)], nowSeconds + seconds);
        return JSON.stringify(sorted(ofShard(expected))) === JSON.stringify(sorted(ofShard(views[seconds]!)));
      };
      const least = this.#leastPrefix(history, keepsAcknowledged);
      let length = history.length;
      for (; length >= least; length--) {
        if (!fits(length, 0)) continue;
        if (length === least) break;
        // With and without its last writes a prefix may look the same now, and differ when something of them has expired.
        while (views.length <= LONGEST_TTL) views.push(await harness.readAll(nowSeconds + views.length));
        if (views.every((_, seconds) => fits(length, seconds))) break;
      }
      if (length < least) {
        const now = views[0]!;
        this.#compare(ofShard(now), [...this.#confirmed, ...history.slice(0, least)], nowSeconds, ofShard);
        this.#compare(ofShard(now), [...this.#confirmed, ...history], nowSeconds, ofShard);
        throw new Error(`what shard ${shard} shows fits no prefix of its history when what expires has expired`);
      }
      taken.push(...history.slice(0, length));
    }
    this.#confirmed = [...this.#confirmed, ...taken];
  }

  /** How much of a shard's history must be there. */
  #leastPrefix(history: readonly StoreEvent[], keepsAcknowledged: boolean): number {
    const mustBeThere = new Set<StoreWrite>();
    for (const { write, isAcknowledged, isSynced } of this.#submitted) {
      if (isAcknowledged && (keepsAcknowledged || isSynced)) mustBeThere.add(write);
    }
    const done = new Map<string, number>();
    for (const { table, isDone } of this.#truncations) if (isDone) done.set(table, (done.get(table) ?? 0) + 1);
    let least = 0;
    history.forEach((event, i) => {
      if (
        'truncatedTable' in event
          ? done.has(event.truncatedTable) && this.#isLastDone(event.truncatedTable)
          : mustBeThere.has(event)
      ) {
        least = i + 1;
      }
    });
    return least;
  }

  /** True when every truncation of the table was done: only then it is clear which records those are. */
  #isLastDone(table: string): boolean {
    return this.#truncations.every((truncation) => truncation.table !== table || truncation.isDone);
  }

  #compare(
    found: ReadonlyMap<string, string>,
    events: readonly StoreEvent[],
    atSeconds: number | undefined = undefined,
    part: (rows: ReadonlyMap<string, string>) => ReadonlyMap<string, string> = (rows) => rows,
  ): void {
    const expected = part(this.#harness.expected(events, atSeconds));
    const wrong: string[] = [];
    for (const [key, text] of expected) {
      if (found.get(key) !== text) wrong.push(`${key} is ${brief(found.get(key))} and not ${brief(text)}`);
    }
    for (const [key, text] of found) if (!expected.has(key)) wrong.push(`${key} is ${brief(text)} and not there`);
    if (wrong.length > 0) throw new Error(wrong.slice(0, 6).join('; '));
  }

  #inBackground(work: readonly Promise<unknown>[]): void {
    // Refused when the table is dropped meanwhile or something comes before it.
    for (const each of work) {
      this.#background.push(
        each.catch((error: unknown) => {
          if (!(error instanceof TesseraError)) throw error;
        }),
      );
    }
  }

  async #settleAll(): Promise<void> {
    const harness = this.#harness;
    await harness.settle(Promise.all(this.#background.splice(0)));
    for (const submitted of this.#submitted) {
      while (!submitted.isAcknowledged && submitted.error === undefined) await harness.steps(1);
      const { error } = submitted;
      if (error !== undefined && !(error instanceof InvalidRequestError)) throw error; // too large, or the table is gone
    }
  }

  #anyMode(): SyncMode {
    return this.#random.pick([SyncMode.Batch, SyncMode.Group, SyncMode.Periodic]);
  }
}

function brief(text: string | undefined): string {
  return text === undefined ? 'absent' : `'${text.replaceAll(/y+/g, 'y')}'`;
}
