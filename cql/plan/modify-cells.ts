import { InvalidRequestError } from '../../core/errors.ts';
import type { RowBodyWriter } from '../../core/mutation/row-body.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { addNumbers } from './add-number.ts';
import { ElementBuffer } from './element-buffer.ts';
import type { ElementOperation } from './element-operations.ts';
import { type ColumnOperation, operationNeedsRead } from './operations.ts';
import { NULL_VALUE } from './plan.ts';
import type { TypedTerm } from './term.ts';
import type { WriteInput } from './write-input.ts';

/** Everything that a statement does to one multi-cell column. */
interface ElementStep {
  readonly buffer: ElementBuffer;
  readonly operations: ElementOperation[];
}

/** How a step makes its cell. */
const StepKind = { Cell: 0, Elements: 1, Number: 2 } as const;

/**
 * What a statement writes into one row, static or not: a step for each column, in the order of the row body. Plain values go
 * from the request's bytes into the mutation without an object.
 */
export class CellWriter {
  /** In the order of their ids. */
  readonly columns: readonly ColumnDescriptor[];
  /** Some operation looks at what was there before. */
  readonly needsRead: boolean;
  readonly #kinds: Uint8Array;
  readonly #ids: Int32Array;
  /** Of the steps that are no ElementStep. */
  readonly #terms: (TypedTerm | undefined)[] = [];
  readonly #elements: (ElementStep | undefined)[] = [];
  readonly #isSubtraction: boolean[] = [];

  /** @param operations in any order; several of one column only where all are on elements */
  constructor(operations: readonly ColumnOperation[]) {
    const byColumn = Map.groupBy(operations, ({ column }) => column);
    this.columns = [...byColumn.keys()].sort((a, b) => a.id - b.id);
    this.needsRead = operations.some(operationNeedsRead);
    this.#ids = Int32Array.from(this.columns, ({ id }) => id);
    this.#kinds = new Uint8Array(this.columns.length);
    for (const [i, column] of this.columns.entries()) this.#addStep(i, byColumn.get(column)!);
  }

  #addStep(i: number, operations: readonly ColumnOperation[]): void {
    const first = operations[0]!;
    if (first.kind === 'elements') {
      this.#kinds[i] = StepKind.Elements;
      this.#terms.push(undefined);
      this.#isSubtraction.push(false);
      this.#elements.push({
        buffer: new ElementBuffer(first.column),
        operations: operations.flatMap((operation) => (operation.kind === 'elements' ? [operation.operation] : [])),
      });
      return;
    }
    this.#kinds[i] = first.kind === 'number' ? StepKind.Number : StepKind.Cell;
    this.#terms.push(first.term);
    this.#isSubtraction.push(first.kind === 'number' && first.isSubtraction);
    this.#elements.push(undefined);
  }

  /** Appends the cells to the row that was begun. @throws InvalidRequestError for values that may not be written */
  write(row: RowBodyWriter, input: WriteInput): void {
    const kinds = this.#kinds;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      if (kind === StepKind.Cell) this.#writeCell(i, row, input);
      else if (kind === StepKind.Elements) writeElements(this.#elements[i]!, row, input);
      else this.#writeSum(i, row, input);
    }
  }

  #writeCell(i: number, row: RowBodyWriter, input: WriteInput): void {
    const { slot } = input;
    this.#terms[i]!.evaluate(input.values, input.context, slot);
    const { timestampHi, timestampLo } = input;
    const { length } = slot;
    if (length >= 0) {
      const { start } = slot;
      const { ttl, expiry } = input;
      row.cell(this.#ids[i]!, timestampHi, timestampLo, ttl, expiry, slot.bytes, start, start + length);
    } else if (length === NULL_VALUE) {
      row.deadCell(this.#ids[i]!, timestampHi, timestampLo, input.nowSeconds);
    }
  }

  /** A number that is not there stays so; adding null makes it null. */
  #writeSum(i: number, row: RowBodyWriter, input: WriteInput): void {
    const { slot } = input;
    const term = this.#terms[i]!;
    term.evaluate(input.values, input.context, slot);
    if (slot.isUnset) return;
    const column = this.columns[i]!;
    if (input.prior === undefined) throw new InvalidRequestError(`column ${column.name} can be added to only with IF`);
    const before = input.prior.value(column);
    if (before === undefined) return;
    const { timestampHi, timestampLo, ttl, expiry } = input;
    const operand = slot.isNull ? undefined : slot.bytes.subarray(slot.start, slot.end);
    const sum = operand === undefined ? undefined : addNumbers(column.type, before, operand, this.#isSubtraction[i]!);
    if (sum === undefined) row.deadCell(column.id, timestampHi, timestampLo, input.nowSeconds);
    else row.cell(column.id, timestampHi, timestampLo, ttl, expiry, sum, 0, sum.length);
  }
}

function writeElements({ buffer, operations }: ElementStep, row: RowBodyWriter, input: WriteInput): void {
  buffer.begin();
  for (const operation of operations) operation.gather(buffer, input);
  buffer.write(row, input);
}
