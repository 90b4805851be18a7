import { assert, unreachable } from '../../core/assert.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { Metric, type Metrics } from '../../core/metrics.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { PlanKind, type ResultColumn, type StatementPlan } from '../../cql/plan/plan.ts';
import { ColumnMetadata, NO_COLUMNS } from '../../cql/protocol/metadata.ts';
import { type Hash, resultMetadataId } from '../../cql/protocol/statement-id.ts';
import { NOT_FOUND, StatementIdTable } from '../../cql/protocol/statement-id-table.ts';
import { isTableChanged, keyspacesWithChangedTypes } from './schema-changes.ts';

/** What a statement takes beside texts and metadata: the plan, its terms, table entries. */
const STATEMENT_OVERHEAD_BYTES = 2048;
const MARKER_BYTES = 160;

/** A statement that clients execute by its id. */
export class PreparedStatement {
  readonly id: Uint8Array;
  /** Keyspace in use when it was prepared: part of its identity, and what its unqualified names mean. */
  readonly keyspace: string;
  readonly text: string;
  readonly plan: StatementPlan;
  readonly bind: ColumnMetadata;
  readonly result: ColumnMetadata;
  readonly sizeBytes: number;
  /** Index in the cache while it is there, else -1. */
  slot: number;
  /** True once every shard has confirmed that it knows the statement. */
  isEverywhere: boolean;
  /** Neighbours in the order of use. */
  older: PreparedStatement | undefined;
  newer: PreparedStatement | undefined;

  /** @param hash for the id of the result's metadata */
  constructor(id: Uint8Array, keyspace: string, text: string, plan: StatementPlan, hash: Hash) {
    this.id = id;
    this.keyspace = keyspace;
    this.text = text;
    this.plan = plan;
    const { markers } = plan;
    const named = markers.map((marker) => ({ ...marker, keyspace: plan.keyspace, table: plan.table }));
    this.bind = markers.length === 0 ? NO_COLUMNS : new ColumnMetadata(named);
    const columns = plan.resultColumns ?? [];
    this.result = new ColumnMetadata(columns, resultMetadataId(columns, hash));
    this.sizeBytes =
      STATEMENT_OVERHEAD_BYTES +
      2 * (text.length + keyspace.length) +
      MARKER_BYTES * (markers.length + columns.length) +
      this.bind.encoded.length +
      this.result.encoded.length;
    this.slot = NOT_FOUND;
    this.isEverywhere = false;
    this.older = undefined;
    this.newer = undefined;
  }

  /** Metadata of rows with these columns: the one made at PREPARE where they are the plan's. */
  metadataOf(columns: readonly ResultColumn[]): ColumnMetadata {
    return columns === this.plan.resultColumns ? this.result : new ColumnMetadata(columns);
  }
}

/**
 * The prepared statements of one shard by id. The least recently used go when they take more than the limit, and so do those
 * whose table changes: whoever executes one gets UNPREPARED and prepares it again.
 */
export class PreparedCache {
  readonly #limitBytes: number;
  readonly #metrics: Metrics;
  readonly #table: StatementIdTable;
  readonly #statements: (PreparedStatement | undefined)[];
  readonly #freeSlots: number[];
  #newest: PreparedStatement | undefined;
  #oldest: PreparedStatement | undefined;
  #usedBytes: number;

  /** @param seed a random int32, which hides where ids go in the table */
  constructor(limitBytes: number, metrics: Metrics, seed: number) {
    this.#limitBytes = limitBytes;
    this.#metrics = metrics;
    this.#table = new StatementIdTable(seed);
    this.#statements = [];
    this.#freeSlots = [];
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#usedBytes = 0;
  }

  get size(): number {
    return this.#table.size;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The statement with the id bytes[start, end), from now on the most recently used one, or undefined. */
  find(bytes: Uint8Array, start: number, end: number): PreparedStatement | undefined {
    const slot = this.#table.find(bytes, start, end);
    if (slot === NOT_FOUND) return undefined;
    const statement = this.#statements[slot]!;
    if (statement !== this.#newest) {
      this.#unlink(statement);
      this.#linkNewest(statement);
    }
    return statement;
  }

  /**
   * Takes a statement whose id is not there.
   * @throws InvalidRequestError for one that is larger than the cache
   */
  add(statement: PreparedStatement): void {
    if (statement.sizeBytes > this.#limitBytes) {
      throw new InvalidRequestError(
        `The statement takes ${statement.sizeBytes} bytes when prepared, allowed are ${this.#limitBytes}`,
        { sizeBytes: statement.sizeBytes },
      );
    }
    while (this.#usedBytes + statement.sizeBytes > this.#limitBytes && this.#oldest !== undefined) {
      this.remove(this.#oldest);
      this.#metrics.add(Metric.PreparedEvicted, 1);
    }
    assert(this.#table.find(statement.id, 0, statement.id.length) === NOT_FOUND, 'a statement is prepared once');
    statement.slot = this.#freeSlots.pop() ?? this.#statements.length;
    this.#statements[statement.slot] = statement;
    this.#table.set(statement.id, 0, statement.id.length, statement.slot);
    this.#linkNewest(statement);
    this.#usedBytes += statement.sizeBytes;
    this.#report();
  }

  /** Forgets a statement; fine if it is not there any more. */
  remove(statement: PreparedStatement): void {
    if (statement.slot === NOT_FOUND) return;
    this.#table.delete(statement.id, 0, statement.id.length);
    this.#statements[statement.slot] = undefined;
    this.#freeSlots.push(statement.slot);
    statement.slot = NOT_FOUND;
    this.#unlink(statement);
    this.#usedBytes -= statement.sizeBytes;
    this.#report();
  }

  /** Forgets the statements whose meaning may be another under the next schema. Returns how many. */
  dropChanged(previous: Schema, next: Schema): number {
    const changedTypes = keyspacesWithChangedTypes(previous, next);
    let dropped = 0;
    for (let statement = this.#oldest; statement !== undefined; ) {
      const { newer } = statement;
      if (dependsOnChange(statement.plan, next, changedTypes)) {
        this.remove(statement);
        dropped++;
      }
      statement = newer;
    }
    return dropped;
  }

  #linkNewest(statement: PreparedStatement): void {
    statement.older = this.#newest;
    statement.newer = undefined;
    if (this.#newest === undefined) this.#oldest = statement;
    else this.#newest.newer = statement;
    this.#newest = statement;
  }

  #unlink(statement: PreparedStatement): void {
    const { older, newer } = statement;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    statement.older = undefined;
    statement.newer = undefined;
  }

  #report(): void {
    this.#metrics.set(Metric.PreparedStatements, this.size);
    this.#metrics.set(Metric.PreparedBytes, this.#usedBytes);
  }
}

/** A type may be named anywhere in a statement of its keyspace, so a changed one takes all of them along. */
function dependsOnChange(plan: StatementPlan, next: Schema, changedTypes: ReadonlySet<string>): boolean {
  switch (plan.kind) {
    case PlanKind.Select:
    case PlanKind.Modify:
    case PlanKind.Truncate:
      return changedTypes.has(plan.descriptor.keyspace) || isTableChanged(plan.descriptor, next);
    case PlanKind.Batch:
      return plan.statements.some((statement) => dependsOnChange(statement, next, changedTypes));
    case PlanKind.Use:
      return !next.keyspaces.has(plan.keyspace);
    case PlanKind.Schema:
      return false; // planned again by the main thread when it is carried out
    default:
      return unreachable(plan);
  }
}
