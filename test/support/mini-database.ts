import { ByteWriter, readI32BE } from '../../core/bytes.ts';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { openRead } from '../../core/read/open-read.ts';
import { PageCursor } from '../../core/read/page.ts';
import { PageBuilder, PageState } from '../../core/read/page-builder.ts';
import {
  checkReadCommand,
  decodeReadCommand,
  encodeReadCommand,
  type ReadCommand,
} from '../../core/read/read-command.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { applySchemaChange, EMPTY_SCHEMA } from '../../core/schema/schema-change.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { literalText } from '../../core/types/literal-text.ts';
import type { SchemaStatement, Statement } from '../../cql/language/ast.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planSchemaStatement } from '../../cql/plan/ddl.ts';
import {
  type BoundReadModify,
  type BoundSelect,
  type BoundValues,
  PlanKind,
  type SelectPlan,
  type StatementPlan,
} from '../../cql/plan/plan.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import type { SystemTables } from '../../cql/system/system-tables.ts';
import { commandAfter } from '../../shards/coordinator/read-parts.ts';
import { MemorySource } from './memory-source.ts';
import { FixedContext, parseValues } from './statement-values.ts';

/** How the rows of a read reach the SELECT. */
export interface ReadStyle {
  /** Fragments of a batch. */
  readonly capacity: number;
  /** Through encoded commands and pages of so many bytes, as from another shard; undefined: straight from a cursor. */
  readonly remotePageBytes: number | undefined;
}

export const LOCAL: ReadStyle = { capacity: 64, remotePageBytes: undefined };

export interface SelectAsk {
  readonly pageSize?: number;
  readonly pagingState?: Uint8Array | undefined;
  readonly isSerial?: boolean;
  readonly style?: ReadStyle;
}

/** One answer: cells as literals, null for null. */
export interface Answer {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly pagingState: Uint8Array | undefined;
}

/** CQL on sorted arrays, in keyspace `ks`, on one thread: what plans need around them, and no more. */
export class MiniDatabase {
  schema: Schema = EMPTY_SCHEMA;
  /** Set to make system keyspaces readable. */
  system: SystemTables | undefined;
  readonly context: FixedContext = new FixedContext();
  readonly #sources: Map<string, MemorySource> = new Map();
  readonly #list: MutationList = new MutationList();
  readonly #pool: RowBatchPool = new RowBatchPool();
  #ids = 0;

  constructor(...statements: readonly string[]) {
    this.execute('CREATE KEYSPACE ks');
    for (const statement of statements) this.execute(statement);
  }

  plan(text: string): StatementPlan {
    return planStatement(parseStatement(text), this.system?.complete(this.schema) ?? this.schema, 'ks');
  }

  /** Carries out anything but a SELECT. @param values as `parseValues` takes them */
  execute(text: string, values = ''): void {
    const statement = parseStatement(text);
    if (/^(create|alter|drop)/.test(statement.kind)) {
      this.#changeSchema(statement);
      return;
    }
    const plan = planStatement(statement, this.schema, 'ks');
    const list = this.#list;
    this.context.advance();
    list.clear();
    if (plan.kind === PlanKind.Modify) plan.bind(parseValues(values, plan.markers), this.context, list);
    else if (plan.kind === PlanKind.Batch) plan.bind([parseValues(values, plan.markers)], this.context, list);
    else throw new Error(`cannot execute ${text}`);
    for (let i = 0; i < list.count; i++) {
      const table = plan.kind === PlanKind.Modify ? plan.descriptor : plan.statements[0]!.descriptor;
      this.source(table).apply(list.bytes.slice(list.starts[i]!, list.ends[i]!));
    }
  }

  source(table: TableDescriptor): MemorySource {
    const source = this.#sources.get(table.id) ?? new MemorySource(table);
    this.#sources.set(table.id, source);
    return source;
  }

  /** One page, or everything. */
  select(text: string, values = '', ask: SelectAsk = {}): Answer {
    const plan = this.plan(text);
    if (plan.kind !== PlanKind.Select) throw new Error(`no SELECT: ${text}`);
    return this.run(plan, parseValues(values, plan.markers), ask);
  }

  run(plan: SelectPlan, values: BoundValues, ask: SelectAsk): Answer {
    const { pageSize = 0, pagingState, isSerial = false, style = LOCAL } = ask;
    const frame = { ...values, bytes: values.bytes.slice() };
    const bound = plan.bind(frame, { pageSize, pagingState, isSerial }, this.context);
    frame.bytes.fill(0xee); // the frame is used again before the rows come
    bound.finish(this.#feed(plan.descriptor, bound, style));
    const answer = { rows: readRows(plan, bound), pagingState: bound.pagingState?.slice() };
    bound.rows.bytes.fill(0xdd, bound.rows.length);
    bound.release();
    return answer;
  }

  /** All pages one after the other. */
  selectAll(text: string, values: string, pageSize: number, style: ReadStyle = LOCAL): Answer['rows'][] {
    const pages: Answer['rows'][] = [];
    let pagingState: Uint8Array | undefined;
    do {
      const answer = this.select(text, values, { pageSize, pagingState, style });
      pages.push(answer.rows);
      pagingState = answer.pagingState;
      if (pages.length > 1000) throw new Error(`the pages of ${text} do not end`);
    } while (pagingState !== undefined);
    return pages;
  }

  /** Gives a statement that reads before it writes what it asks for. */
  feed(table: TableDescriptor, bound: BoundReadModify): void {
    const cursor = this.#open(table, bound.command);
    const batch = new RowBatch(64);
    for (let added = cursor.fill(batch); added !== 0; added = cursor.fill(batch)) {
      bound.accept(batch);
      batch.clear();
    }
    cursor.close();
  }

  #feed(table: TableDescriptor, bound: BoundSelect, { capacity, remotePageBytes }: ReadStyle): boolean {
    const { command } = bound;
    if (command === undefined) return true;
    const wrong = checkReadCommand(command, table);
    if (wrong !== undefined) throw new Error(`bad command: ${wrong}`);
    const batch = new RowBatch(capacity);
    if (remotePageBytes === undefined) return pump(this.#open(table, command), bound, batch);
    let next: ReadCommand | undefined = command;
    while (next !== undefined) {
      const encoded = new ByteWriter();
      encodeReadCommand({ ...next, pageBytes: remotePageBytes }, encoded);
      const decoded = decodeReadCommand(encoded.bytes, 0, encoded.length);
      const page = this.#page(table, decoded);
      const cursor = new PageCursor(page, 0, page.length, table.clustering.length);
      if (!pump(cursor, bound, batch)) return false;
      next = cursor.end && commandAfter(next, cursor.end);
    }
    return true;
  }

  #open(table: TableDescriptor, command: ReadCommand): RowCursor {
    const source = this.system?.source(table.id) ?? this.source(table);
    const cursor = openRead(source, command, table.comparator);
    return liveCursor(cursor, new LiveFilter(table, command.nowSeconds), this.#pool);
  }

  #page(table: TableDescriptor, command: ReadCommand): Uint8Array {
    const builder = new PageBuilder(command);
    const cursor = this.#open(table, command);
    const batch = new RowBatch(3);
    for (;;) {
      batch.clear();
      const added = cursor.fill(batch);
      if (added === 0) break;
      if (added === NEEDS_LOAD) continue;
      const state = builder.append(batch);
      if (state === PageState.Full) break;
      if (state === PageState.SkipPartition) cursor.skipPartition();
    }
    cursor.close();
    const page = new ByteWriter();
    builder.finish(page);
    return page.toBytes();
  }

  #changeSchema(statement: Statement): void {
    const { change } = planSchemaStatement(statement as SchemaStatement, 'ks', this.schema, {
      dataCenters: new Map([['datacenter1', { nodeCount: 1, rackCount: 1 }]]),
      newUuid: () => `00000000-0000-4000-8000-${(++this.#ids).toString(16).padStart(12, '0')}`,
      nowUs: this.context.nowUs,
    });
    if (change !== undefined) this.schema = applySchemaChange(this.schema, change);
  }
}

/** True when the cursor came to its end. Poisons each batch after it was taken. */
function pump(cursor: RowCursor, bound: BoundSelect, batch: RowBatch): boolean {
  try {
    for (;;) {
      batch.clear();
      const added = cursor.fill(batch);
      if (added === 0) return true;
      if (added === NEEDS_LOAD) continue;
      const goesOn = bound.accept(batch);
      batch.writer.bytes.fill(0xcc);
      if (!goesOn) return false;
      if (bound.skipsPartition) cursor.skipPartition();
    }
  } finally {
    cursor.close();
  }
}

function readRows(plan: SelectPlan, bound: BoundSelect): Answer['rows'] {
  const { bytes, length } = bound.rows;
  const rows: (string | null)[][] = [];
  let at = 0;
  for (let i = 0; i < bound.rowCount; i++) {
    rows.push(
      plan.resultColumns.map(({ name, type }) => {
        const size = readI32BE(bytes, at);
        const start = at + 4;
        at = start + Math.max(0, size);
        if (at > length) throw new Error('a cell goes beyond the rows');
        if (size < 0) return null;
        const wrong = type.validate(bytes, start, at);
        if (wrong !== undefined) throw new Error(`bad value of ${name}: ${wrong}`);
        return size === 0 && type.cqlName !== 'text' ? "''" : literalText(type, bytes, start, at);
      }),
    );
  }
  if (at !== length) throw new Error('rows with bytes of no cell');
  return rows;
}
