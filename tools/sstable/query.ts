import { readI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { openRead } from '../../core/read/open-read.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { writeTimeUuid } from '../../core/types/timeuuid.ts';
import { NIL_UUID } from '../../core/uuid-bytes.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import {
  type BoundSelect,
  type BoundValues,
  type ExecutionContext,
  PlanKind,
  type SelectPlan,
} from '../../cql/plan/plan.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeRandom } from '../../shards/host/node-random.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { MergedSource } from './merged-source.ts';
import { openForMerge } from './open-for-merge.ts';
import type { QueryWriter, ResultPage } from './query-writers.ts';
import type { SchemaChoice } from './table-schema.ts';
import { Turns } from './turns.ts';

/** Keyspaces that the table is in for a query: ScyllaDB's name, and our own. */
const KEYSPACES: readonly string[] = ['scylla_sstable', 'tessera_sstable'];
const BATCH_FRAGMENTS = 256;
/** A batch of decompressed rows stands for many chunks. */
const BATCHES_PER_TURN = 4;

/** A SELECT over SSTables that are read as one table. Read-only. */
export class SSTableQuery {
  readonly #table: TableDescriptor;
  readonly #sstables: readonly SSTable[];
  readonly #pool: RowBatchPool = new RowBatchPool();
  readonly #context: ExecutionContext;

  private constructor(table: TableDescriptor, sstables: readonly SSTable[]) {
    this.#table = table;
    this.#sstables = sstables;
    this.#context = executionContext();
  }

  /** @throws as SSTable.open */
  static async open(files: Files, dataPaths: readonly string[], choice: SchemaChoice): Promise<SSTableQuery> {
    const sstables: SSTable[] = [];
    try {
      return new SSTableQuery(await openForMerge(files, dataPaths, choice, sstables), sstables);
    } catch (error) {
      for (const sstable of sstables) sstable.close();
      throw error;
    }
  }

  /** `scylla_sstable.TABLE`. */
  get tableName(): string {
    return `${KEYSPACES[0]}.${this.#table.name}`;
  }

  /** @throws SyntaxException, InvalidRequestError, NotSupportedYetError; InvalidRequestError for anything but a SELECT */
  plan(text: string): SelectPlan {
    const statement = parseStatement(text);
    if (statement.kind !== 'select') throw new InvalidRequestError('only SELECT reads SSTables');
    const plan = planStatement(statement, this.#schema(), KEYSPACES[0]);
    if (plan.kind !== PlanKind.Select) throw new InvalidRequestError('only SELECT reads SSTables');
    if (plan.markers.length > 0) throw new InvalidRequestError('a query here has no bind markers');
    return plan;
  }

  /** Reads page after page. @param pageSize 0: everything at once. @throws InvalidRequestError, CorruptFileError, FileOperationError */
  async run(plan: SelectPlan, pageSize: number, writer: QueryWriter, out: TextOutput): Promise<void> {
    const turns = new Turns(BATCHES_PER_TURN);
    let pagingState: Uint8Array | undefined;
    do {
      const bound = plan.bind(NO_VALUES, { pageSize, pagingState, isSerial: false }, this.#context);
      bound.finish(await this.#feed(plan.descriptor, bound, turns));
      writer.page(pageOf(bound, plan.resultColumns.length));
      pagingState = bound.pagingState?.slice();
      bound.release();
      await out.drain();
    } while (pagingState !== undefined);
    writer.end();
  }

  close(): void {
    for (const sstable of this.#sstables) sstable.close();
  }

  /** True when there is nothing more than what was accepted. */
  async #feed(table: TableDescriptor, bound: BoundSelect, turns: Turns): Promise<boolean> {
    const { command } = bound;
    if (command === undefined) return true;
    const source = new MergedSource(this.#sstables, this.#table, this.#pool);
    const cursor = liveCursor(
      openRead(source, command, table.comparator),
      new LiveFilter(table, command.nowSeconds),
      this.#pool,
    );
    const batch = new RowBatch(BATCH_FRAGMENTS);
    try {
      for (;;) {
        batch.clear();
        if (cursor.fill(batch) === 0) return true; // blocking cursors need no load
        if (!bound.accept(batch)) return false;
        if (bound.skipsPartition) cursor.skipPartition();
        await turns.next();
      }
    } finally {
      cursor.close();
    }
  }

  #schema(): Schema {
    const keyspaces = KEYSPACES.map((name): KeyspaceDescriptor => {
      const table = new TableDescriptor({ ...this.#table.definition, keyspace: name });
      return {
        name,
        replication: {},
        durableWrites: true,
        consistency: 'eventual',
        tablets: {},
        tables: new Map([[table.name, table]]),
        types: new Map(),
      };
    });
    return { version: NIL_UUID, keyspaces: new Map(keyspaces.map((keyspace) => [keyspace.name, keyspace])) };
  }
}

/** Cells of a bound SELECT's rows, which have their lengths in front. */
function pageOf({ rows, rowCount }: BoundSelect, columns: number): ResultPage {
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (let k = 0; k < rowCount * columns; k++) {
    const length = readI32BE(rows.bytes, at);
    starts.push(at + 4);
    ends.push(at + 4 + length);
    at += 4 + Math.max(0, length);
  }
  return { rowCount, bytes: rows.bytes, starts, ends };
}

function executionContext(): ExecutionContext {
  const clock = new NodeClock();
  const random = new NodeRandom();
  const nowUs = clock.nowUs();
  const node = new Uint8Array(6);
  random.fill(node);
  let tick = 0;
  const now = BigInt(nowUs);
  return {
    timestampHi: bigIntHi(now),
    timestampLo: bigIntLo(now),
    nowUs,
    randomBytes: (target) => random.fill(target),
    timeUuid: (target, at) => writeTimeUuid(target, at, nowUs, tick++, 0, node),
  };
}

const NO_VALUES: BoundValues = {
  bytes: new Uint8Array(0),
  starts: new Int32Array(0),
  lengths: new Int32Array(0),
  count: 0,
};
