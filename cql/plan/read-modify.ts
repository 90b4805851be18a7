import { ByteWriter } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import type { MutationWriter } from '../../core/mutation/frozen-mutation.ts';
import type { MutationList } from '../../core/mutation/mutation-list.ts';
import { NO_LIMIT, type PartitionRef, type ReadCommand, ReadKind } from '../../core/read/read-command.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { ALL_ROWS, type ClusteringSlice } from '../../core/read/slice.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Token } from '../../core/token.ts';
import { writeConditionalRow } from './conditional-result.ts';
import type { StatementCondition } from './conditions.ts';
import type { BoundReadModify, BoundValues, ExecutionContext } from './plan.ts';
import { PriorRow, type Priors } from './prior-row.ts';

/** A statement as a read-modify needs it; `modification.ts` implements it. */
export interface ReadModifyPlan {
  readonly descriptor: TableDescriptor;
  readonly condition: StatementCondition | undefined;
  partition(values: BoundValues, context: ExecutionContext): PartitionRef;
  positions(values: BoundValues, context: ExecutionContext): readonly Uint8Array[];
  beginMutation(writer: MutationWriter, token: Token, key: Uint8Array, start: number, end: number): void;
  writeParts(writer: MutationWriter, values: BoundValues, context: ExecutionContext, priors: Priors): void;
}

/** A statement with its values, which must stay as they are until the decision. */
export interface ReadModifyStatement {
  readonly plan: ReadModifyPlan;
  readonly values: BoundValues;
}

interface Step extends ReadModifyStatement {
  /** Position of the row that its condition tests, of the one row it names; undefined for none. */
  readonly position: Uint8Array | undefined;
}

interface StoredRow {
  readonly position: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * Statements on one partition that read before they write: judged together on what was there before all of them, written as one
 * mutation. States: rows are accepted, then `decide` once, then the answer may be read.
 */
export class ReadModify implements BoundReadModify {
  readonly command: ReadCommand;
  readonly rows: ByteWriter = new ByteWriter(256);
  rowCount = 0;
  readonly #table: TableDescriptor;
  readonly #steps: readonly Step[];
  readonly #partition: PartitionRef;
  readonly #columns: readonly ColumnDescriptor[] | undefined;
  readonly #contextOf: (context: ExecutionContext) => ExecutionContext;
  readonly #checkSize: (sizeBytes: number) => void;
  /** In table order, as they were delivered. */
  readonly #rows: StoredRow[] = [];
  #staticRow: Uint8Array | undefined;

  /**
   * @param statements at least one, all of one table
   * @param columns that the answer shows; undefined when there is no answer
   * @param contextOf what `decide`'s context becomes: the batch's own timestamp
   * @param checkSize refuses a mutation of too many bytes by throwing
   * @throws InvalidRequestError when the statements do not name one and the same partition
   */
  constructor(
    statements: readonly ReadModifyStatement[],
    columns: readonly ColumnDescriptor[] | undefined,
    context: ExecutionContext,
    contextOf: (context: ExecutionContext) => ExecutionContext = (same) => same,
    checkSize: (sizeBytes: number) => void = () => undefined,
  ) {
    const table = statements[0]!.plan.descriptor;
    this.#table = table;
    this.#columns = columns;
    this.#contextOf = contextOf;
    this.#checkSize = checkSize;
    this.#partition = statements[0]!.plan.partition(statements[0]!.values, context);
    const positions: Uint8Array[] = [];
    this.#steps = statements.map(({ plan, values }) => {
      if (!isSamePartition(plan.partition(values, context), this.#partition)) {
        throw new InvalidRequestError(
          columns === undefined
            ? 'BATCH with operations that read before they write cannot span multiple partitions'
            : 'BATCH with conditions cannot span multiple partitions',
        );
      }
      const own = plan.positions(values, context);
      positions.push(...own);
      return { plan, values, position: own.length === 1 ? own[0] : undefined };
    });
    this.command = readCommand(table, this.#partition, positions, context);
  }

  accept(batch: RowBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i]!;
      if (kind === FragmentKind.StaticRow) this.#staticRow = batch.bytes.slice(batch.bodyStart[i]!, batch.bodyEnd[i]!);
      else if (kind === FragmentKind.Row) {
        this.#rows.push({
          position: batch.bytes.slice(batch.positionStart[i]!, batch.positionEnd[i]!),
          body: batch.bytes.slice(batch.bodyStart[i]!, batch.bodyEnd[i]!),
        });
      }
    }
  }

  decide(given: ExecutionContext, out: MutationList): boolean {
    const context = this.#contextOf(given);
    const priors: Priors = {
      staticRow: new PriorRow(undefined, this.#staticRow),
      row: (position, end) => new PriorRow(this.#find(position, end), this.#staticRow),
    };
    const priorOf = ({ position }: Step): PriorRow =>
      position === undefined ? priors.staticRow : priors.row(position, position.length);
    const holds = this.#steps.every((step) => step.plan.condition?.holds(priorOf(step), step.values, context) ?? true);
    this.#answer(holds, priorOf);
    if (holds) this.#write(context, priors, out);
    return holds;
  }

  #answer(isApplied: boolean, priorOf: (step: Step) => PriorRow): void {
    if (this.#columns === undefined) return;
    for (const step of this.#steps) {
      const { position } = step;
      const { key } = this.#partition;
      writeConditionalRow(this.rows, isApplied, this.#columns, this.#table, key, position, priorOf(step));
      this.rowCount++;
    }
  }

  #write(context: ExecutionContext, priors: Priors, list: MutationList): void {
    const { writer } = list;
    const { tokenHi, tokenLo, key } = this.#partition;
    const token = new Token();
    token.hi = tokenHi;
    token.lo = tokenLo;
    list.begin();
    const begun = writer.out.length;
    this.#steps[0]!.plan.beginMutation(writer, token, key, 0, key.length);
    const head = writer.out.length;
    for (const { plan, values } of this.#steps) plan.writeParts(writer, values, context, priors);
    this.#checkSize(writer.out.length - begun);
    if (writer.out.length === head) writer.out.length = begun;
    else list.end();
  }

  /** Binary search: positions may be equal without equal bytes. */
  #find(position: Uint8Array, end: number): Uint8Array | undefined {
    const { comparator } = this.#table;
    const rows = this.#rows;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = rows[middle]!;
      const order = comparator.compare(row.position, 0, row.position.length, 0, position, 0, end, 0);
      if (order === 0) return row.body;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }
}

function isSamePartition(a: PartitionRef, b: PartitionRef): boolean {
  return a.tokenHi === b.tokenHi && a.tokenLo === b.tokenLo && Buffer.compare(a.key, b.key) === 0;
}

/** Reads the rows at the positions and the static row, whole. */
function readCommand(
  table: TableDescriptor,
  partition: PartitionRef,
  positions: readonly Uint8Array[],
  context: ExecutionContext,
): ReadCommand {
  const { comparator } = table;
  const compare = (a: Uint8Array, b: Uint8Array) => comparator.compare(a, 0, a.length, 0, b, 0, b.length, 0);
  const sorted = positions.toSorted(compare);
  const distinct = sorted.filter((position, i) => i === 0 || compare(sorted[i - 1]!, position) !== 0);
  const slices = distinct.map(
    (position): ClusteringSlice => ({ start: position, startWeight: -1, end: position, endWeight: 1 }),
  );
  return {
    kind: ReadKind.Partitions,
    tableId: table.id,
    schemaVersion: table.version,
    partitions: [partition],
    range: undefined,
    slice: {
      slices: slices.length === 0 ? [ALL_ROWS] : slices,
      isReversed: false,
      wantsRows: slices.length > 0,
      wantsStatics: table.statics.length > 0,
    },
    resume: undefined,
    rowLimit: NO_LIMIT,
    partitionLimit: NO_LIMIT,
    perPartitionRowLimit: NO_LIMIT,
    pageBytes: NO_LIMIT,
    nowSeconds: Math.floor(context.nowUs / 1_000_000),
  };
}

/** The values in memory of their own: those of a request die with its frame. */
export function copyValues({ bytes, starts, lengths, count }: BoundValues): BoundValues {
  const copy = new ByteWriter(256);
  const copyStarts = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    copyStarts[i] = copy.length;
    if (lengths[i]! > 0) copy.raw(bytes, starts[i]!, starts[i]! + lengths[i]!);
  }
  return { bytes: copy.toBytes(), starts: copyStarts, lengths: lengths.slice(0, count), count };
}
