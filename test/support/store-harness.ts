import { SyncMode } from '../../commitlog/commitlog-options.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { decodeTruncate } from '../../commitlog/table-records.ts';
import { ByteCursor } from '../../core/bytes.ts';
import type { HostId, TableId } from '../../core/ids.ts';
import { MutationWriter } from '../../core/mutation/frozen-mutation.ts';
import { NO_DELETION_TIME, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind, type DroppedColumn } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor, type TableOptions } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tabletOfToken, tokenOf } from '../../core/token.ts';
import { intType } from '../../core/types/int.ts';
import { textType } from '../../core/types/text.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import { clearLeftovers } from '../../shards/store/clear-leftovers.ts';
import { openStore, redoTransactions } from '../../shards/store/recovery.ts';
import type { Store, StoreOptions } from '../../shards/store/store.ts';
import type { StoreMetadata } from '../../shards/store/store-metadata.ts';
import { SimClock, SimTime } from '../sim/sim-clock.ts';
import { SimFiles } from '../sim/sim-files.ts';
import { SimOffload } from '../sim/sim-offload.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { SimTasks } from '../sim/sim-tasks.ts';
import { type StoreCell, type StoreEvent, type StoreWrite, visibleRows } from './store-model.ts';

export const HOST_ID = '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11' as HostId;
/** Columns of the tables made here. */
export const Column = { P: 0, C: 1, S: 2, V: 3, W: 4 } as const;
export const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
/** Events that a promise may take before it counts as stuck. */
const MAX_EVENTS = 300_000;

/** `(p int, c int, s text static, v text, w text, PRIMARY KEY (p, c))`. */
export function harnessTable(number: number, options: Partial<TableOptions> = {}): TableDescriptor {
  const id = `aaaaaaaa-bbbb-11f0-8000-${number.toString(16).padStart(12, '0')}` as TableId;
  const column = (id: number, name: string, kind: ColumnKind, type: typeof intType) =>
    ({ id, name, kind, position: 0, type, isReversed: false }) as ColumnDescriptor;
  return new TableDescriptor({
    id,
    keyspace: 'ks',
    name: `t${number}`,
    version: 1,
    columns: [
      column(Column.P, 'p', ColumnKind.PartitionKey, intType),
      column(Column.C, 'c', ColumnKind.Clustering, intType),
      column(Column.S, 's', ColumnKind.Static, textType),
      column(Column.V, 'v', ColumnKind.Regular, textType),
      column(Column.W, 'w', ColumnKind.Regular, textType),
    ],
    droppedColumns: [],
    nextColumnId: 5,
    options: { ...DEFAULT_TABLE_OPTIONS, ...options },
  });
}

/** The next version of a table: without its youngest regular column, and with another one of the same name. */
export function withNewColumn(table: TableDescriptor, droppedAtUs: number): TableDescriptor {
  const { definition } = table;
  const dropped = definition.columns.at(-1)!;
  const id = definition.nextColumnId as ColumnDescriptor['id'];
  return new TableDescriptor({
    ...definition,
    version: definition.version + 1,
    columns: [...definition.columns.slice(0, -1), { ...dropped, id }],
    droppedColumns: [...definition.droppedColumns, { ...dropped, droppedAtUs } satisfies DroppedColumn],
    nextColumnId: definition.nextColumnId + 1,
  });
}

export interface HarnessOptions {
  readonly syncMode: SyncMode;
  readonly memtableBytes: number;
  readonly segmentBytes: number;
  readonly commitlogBytes: number;
  readonly tabletCount: number;
  readonly shardCount: number;
  readonly tables: readonly TableDescriptor[];
}

const DEFAULTS: HarnessOptions = {
  syncMode: SyncMode.Batch,
  memtableBytes: 4 * 1024 * 1024,
  segmentBytes: 64 * 1024,
  commitlogBytes: 1024 * 1024,
  tabletCount: 2,
  shardCount: 1,
  tables: [harnessTable(1, { gcGraceSeconds: 0 })],
};

/** A write that was handed to a store, and what its writer was told. */
export interface Submitted {
  readonly write: StoreWrite;
  /** What it was told is good for power cuts too. */
  readonly isSynced: boolean;
  isAcknowledged: boolean;
  error: Error | undefined;
}

/** The stores of one node: some shards in one thread, over simulated files, time and pool threads. */
export class StoreHarness {
  readonly options: HarnessOptions;
  readonly time: SimTime = new SimTime();
  readonly clock: SimClock = new SimClock(this.time);
  readonly random: SimRandom;
  readonly files: SimFiles;
  readonly messages: string[] = [];
  tables: readonly TableDescriptor[];
  /** May be changed between lives, as the configuration of a node. */
  shardCount: number;
  syncMode: SyncMode;
  memtableBytes: number;
  tasks!: SimTasks;
  stores: Store[] = [];
  offloads: SimOffload[] = [];
  /** Per shard, what its log took in this life, in order. */
  histories: StoreEvent[][] = [];
  #readAtSeconds = 0;
  readonly #byBytes = new Map<string, StoreWrite>();

  constructor(seed: number, options: Partial<HarnessOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.tables = this.options.tables;
    this.shardCount = this.options.shardCount;
    this.syncMode = this.options.syncMode;
    this.memtableBytes = this.options.memtableBytes;
    this.random = new SimRandom(seed);
    this.files = new SimFiles((operation) => this.time.after(0.05 + this.random.next() * 2, operation));
  }

  /** The first shard's, and its first table. */
  get store(): Store {
    return this.stores[0]!;
  }
  get table(): TableDescriptor {
    return this.tables[0]!;
  }
  get nowSeconds(): number {
    return Math.floor(this.clock.nowUs() / 1_000_000);
  }

  metadata(): StoreMetadata {
    const { tables, shardCount } = this;
    const { tabletCount } = this.options;
    return {
      tables: () =>
        tables.map((descriptor) => ({ descriptor, tabletCount, shardOf: (tablet: number) => tablet % shardCount })),
    };
  }

  /** Shard of a partition, on a node of so many shards. */
  shardOf(p: number, shardCount: number = this.shardCount): number {
    const token = new Token();
    tokenOf(int32(p), 0, 4, token);
    return tabletOfToken(token.hi, this.options.tabletCount) % shardCount;
  }

  /** Recovers and opens all shards, as a node does at its start. @param isStarted false: up to `Store.start` */
  async open(isStarted = true): Promise<void> {
    this.tasks = new SimTasks(this.time, this.random);
    this.offloads = [];
    this.stores = [];
    const metadata = this.metadata();
    const options = Array.from({ length: this.shardCount }, (_, shard) => this.#storeOptions(shard));
    for (const each of options) await this.settle(redoTransactions(each, metadata));
    clearLeftovers(this.files, options[0]!.log, options[0]!.dataDirectory, metadata);
    const opened = [];
    for (const each of options) opened.push(await this.settle(openStore(each, metadata)));
    this.stores = opened.map(({ store }) => store);
    this.histories = this.stores.map(() => []);
    this.stores.forEach((_, shard) => {
      this.#watch(shard);
    });
    for (const { store, strays } of opened) {
      for (const { shard, bytes } of strays) {
        await this.settle(
          new Promise<void>((done, failed) => {
            const tell = (_: number, error: Error | undefined) => (error === undefined ? done() : failed(error));
            this.stores[shard]!.write(bytes, 0, bytes.length, true, Number.POSITIVE_INFINITY, tell, 0);
          }),
        );
      }
      await this.settle(store.finishRecovery());
    }
    if (isStarted) for (const { store } of opened) store.start();
  }

  /** The node is gone: by power failure, or killed with the page cache left. */
  async stop(isPowerFailure: boolean): Promise<void> {
    await turn(); // what has begun goes on to its next wait
    this.tasks.stop();
    this.files.plan = undefined;
    if (isPowerFailure) this.files.crash(this.random.fork());
    else this.files.kill();
  }

  async close(): Promise<void> {
    for (const store of this.stores) await this.settle(store.close());
    this.tasks.stop();
  }

  /** Turns the simulated world until a promise is settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const note = () => {
      isDone = true;
    };
    promise.then(note, note);
    for (let events = 0; ; events++) {
      await turn();
      if (isDone) return promise;
      const isMoving = this.time.endTurns() || this.time.step();
      if (!isMoving || events > MAX_EVENTS) throw new Error(`stuck: ${this.messages.slice(-5).join('; ')}`);
    }
  }

  /** Lets some events happen. */
  async steps(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      if (!this.time.endTurns()) this.time.step();
      await turn();
    }
  }

  /** Lets simulated time pass. */
  async pass(ms: number): Promise<void> {
    let isOver = false;
    this.time.after(ms, () => {
      isOver = true;
    });
    while (!isOver) await this.steps(1);
  }

  /** Hands a write to its shard. */
  submit(write: StoreWrite, forceSync = false, deadlineMs: number = Number.POSITIVE_INFINITY): Submitted {
    const isSynced = forceSync || this.syncMode !== SyncMode.Periodic;
    const submitted: Submitted = { write, isSynced, isAcknowledged: false, error: undefined };
    const descriptor = this.tables.find(({ id }) => id === write.tableId)!;
    const bytes = mutationOf(write, descriptor.version);
    this.#byBytes.set(Buffer.from(bytes).toString('latin1'), write);
    const told = (_: number, error: Error | undefined) => {
      submitted.isAcknowledged = error === undefined;
      submitted.error = error;
    };
    this.stores[this.shardOf(write.p)]!.write(bytes, 0, bytes.length, forceSync, deadlineMs, told, 0);
    return submitted;
  }

  /** Writes and waits until it is acknowledged. */
  async write(write: StoreWrite, forceSync = false): Promise<void> {
    const submitted = this.submit(write, forceSync);
    while (!submitted.isAcknowledged) {
      if (submitted.error !== undefined) throw submitted.error;
      await this.steps(1);
    }
  }

  /** A write of whole rows of one partition of the first table; undefined deletes the row. */
  rows(p: number, rows: readonly (readonly [number, string | undefined])[], timestamp: number): StoreWrite {
    return {
      tableId: this.table.id,
      p,
      timestamp,
      madeAt: this.nowSeconds - 1,
      changes: rows.map(([c, value]) =>
        value === undefined
          ? { kind: 'deleteRow', c }
          : { kind: 'row', c, markerTtl: 0, cells: [{ column: Column.V, value, ttl: 0 }] },
      ),
    };
  }

  /** What is read of all tables, in the form of `visibleRows`. @param atSeconds as of this time, not before now */
  async readAll(atSeconds: number = this.nowSeconds): Promise<Map<string, string>> {
    const rows = new Map<string, string>();
    this.#readAtSeconds = atSeconds;
    for (const store of this.stores) {
      for (const { descriptor } of this.metadata().tables()) {
        const source = store.source(descriptor.id);
        if (source === undefined) throw new Error(`no table ${descriptor.name}`);
        const merged = source.openScan(ALL_TOKENS, WHOLE);
        const live = liveCursor(merged, new LiveFilter(descriptor, this.#readAtSeconds), new RowBatchPool());
        await this.readRows(descriptor, live, rows);
      }
    }
    return rows;
  }

  /** Drains a live cursor into rows, in the form of `visibleRows`; closes it. */
  async readRows(descriptor: TableDescriptor, cursor: RowCursor, rows: Map<string, string>): Promise<void> {
    const batch = new RowBatch();
    let key = '';
    try {
      for (;;) {
        batch.clear();
        const added = cursor.fill(batch);
        if (added === 0) return;
        if (added === NEEDS_LOAD) {
          await this.settle(cursor.load());
          continue;
        }
        key = takeRows(descriptor.id, key, batch, rows);
      }
    } finally {
      cursor.close();
    }
  }

  /** What the given events come to. @param atSeconds the time of the last `readAll` unless given */
  expected(events: readonly StoreEvent[], atSeconds: number = this.#readAtSeconds): Map<string, string> {
    const columns = new Map<string, ReadonlySet<number>>();
    for (const { id, definition } of this.tables)
      columns.set(id, new Set(definition.columns.map((column) => column.id)));
    return visibleRows(events, (id) => columns.get(id), atSeconds);
  }

  #storeOptions(shard: number): StoreOptions {
    const { segmentBytes, commitlogBytes } = this.options;
    const { tasks, random, memtableBytes } = this;
    const pause = () =>
      new Promise<void>((done) => {
        tasks.post(random.next(), done);
      });
    const offload = new SimOffload(this.files, pause);
    this.offloads.push(offload);
    return {
      files: this.files,
      tasks,
      clock: this.clock,
      random: random.fork(),
      log: { write: (_level, module, message) => this.messages.push(`${module}: ${message}`) },
      offload,
      shard,
      shardCount: this.shardCount,
      hostId: HOST_ID,
      dataDirectory: '/node/data',
      commitlogDirectory: '/node/commitlog',
      syncMode: this.syncMode,
      syncPeriodMs: 50,
      groupWindowMs: 2,
      segmentBytes,
      commitlogBytes,
      skipDamagedLog: false,
      memtableBytes,
      blockCacheBytes: 1024 * 1024,
      compactionBytesPerSecond: 0,
    };
  }

  /** Notes what the shard's log takes, in its order. */
  #watch(shard: number): void {
    const { log } = this.stores[shard]!;
    const history = this.histories[shard]!;
    const { shardCount } = this;
    const append = log.append.bind(log);
    log.append = (kind, key, bytes, start, end) => {
      const position = append(kind, key, bytes, start, end);
      if (kind === RecordKind.Mutation) {
        history.push(this.#byBytes.get(Buffer.from(bytes).toString('latin1', start, end))!);
      } else if (kind === RecordKind.Truncate) {
        const { tableId } = decodeTruncate(new ByteCursor(bytes, '', start, end));
        history.push({ truncatedTable: tableId, owns: (p) => this.shardOf(p, shardCount) === shard });
      }
      return position;
    };
  }
}

export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** Rows in order, for comparisons. */
export function sorted(rows: ReadonlyMap<string, string>): [string, string][] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Lets everything that awaits a settled promise go on. */
export function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

/** The frozen mutation of a write. */
export function mutationOf(write: StoreWrite, schemaVersion: number): Uint8Array {
  const { timestamp, madeAt } = write;
  const writer = new MutationWriter();
  const key = int32(write.p);
  const token = new Token();
  tokenOf(key, 0, key.length, token);
  writer.begin(uuidBytes(write.tableId), schemaVersion, token.hi, token.lo, key, 0, key.length);
  const cell = ({ column, value, ttl }: StoreCell): void => {
    if (value === undefined) {
      writer.row.deadCell(column, 0, timestamp, madeAt);
      return;
    }
    const bytes = Buffer.from(value);
    writer.row.cell(column, 0, timestamp, ttl, ttl === 0 ? NO_DELETION_TIME : madeAt + ttl, bytes, 0, bytes.length);
  };
  for (const change of write.changes) {
    switch (change.kind) {
      case 'row': {
        const prefix = clusteringPrefix([int32(change.c)]);
        writer.beginRow(prefix, 0, prefix.length);
        const { markerTtl } = change;
        const expiry = markerTtl === 0 ? NO_DELETION_TIME : madeAt + markerTtl;
        if (markerTtl >= 0) writer.row.liveness(0, timestamp, markerTtl, expiry);
        for (const each of change.cells) cell(each);
        writer.endRow();
        break;
      }
      case 'static':
        writer.beginStaticRow();
        cell(change.cell);
        writer.endRow();
        break;
      case 'deleteRow': {
        const prefix = clusteringPrefix([int32(change.c)]);
        writer.beginRow(prefix, 0, prefix.length);
        writer.row.deletion(0, timestamp, madeAt);
        writer.endRow();
        break;
      }
      case 'deleteRange': {
        const from = clusteringPrefix([int32(change.from)]);
        const to = clusteringPrefix([int32(change.to)]);
        writer.rangeDeletion(-1, from, -1, to, 0, timestamp, madeAt);
        break;
      }
      default:
        writer.partitionDeletion(0, timestamp, madeAt);
    }
  }
  return writer.out.toBytes();
}

/** Takes the rows of a batch of live fragments; `key` is the partition's, as the last batch left it. Returns what it is now. */
export function takeRows(tableId: string, key: string, batch: RowBatch, rows: Map<string, string>): string {
  const view = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset);
  const reader = new RowReader();
  let partition = key;
  for (let i = 0; i < batch.count; i++) {
    const kind = batch.kind[i];
    if (kind === FragmentKind.PartitionStart) partition = `${tableId}/${view.readInt32BE(batch.positionStart[i]!)}`;
    if (kind !== FragmentKind.Row && kind !== FragmentKind.StaticRow) continue;
    reader.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    let text = (reader.rowFlags & RowFlag.Liveness) !== 0 ? '+' : '';
    while (reader.next()) {
      text += ` ${reader.columnId}=${view.toString('utf8', reader.valueStart, reader.valueEnd)}`;
    }
    const c = kind === FragmentKind.StaticRow ? 'static' : view.readInt32BE(batch.positionStart[i]! + 2);
    rows.set(`${partition}/${c}`, text);
  }
  return partition;
}
