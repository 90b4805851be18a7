import { InvalidRequestError } from '../../core/errors.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import type { OrderOperator } from './order-operator.ts';
import { hasNoOrder, type RowValue, type ValueChoice } from './restrictions-values.ts';

/** A relation that compares a column, or a tuple of clustering columns, with values. */
export interface KeyCondition {
  /** Adjacent clustering columns in order, or any one column. */
  readonly columns: readonly ColumnDescriptor[];
  readonly isTuple: boolean;
  readonly operator: OrderOperator | 'IN';
  /** Set for = and IN. */
  readonly choice: ValueChoice | undefined;
  /** Set for all but IN. */
  readonly value: RowValue | undefined;
}

export function columnsText(columns: readonly ColumnDescriptor[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/** Position of the first column among those of its kind. */
export function startOf(columns: readonly ColumnDescriptor[]): number {
  return columns[0]!.position;
}

export function isLowerBound({ operator }: KeyCondition): boolean {
  return operator === '>' || operator === '>=';
}

export function isUpperBound({ operator }: KeyCondition): boolean {
  return operator === '<' || operator === '<=';
}

/** @throws InvalidRequestError when values of the column cannot be compared so */
export function assureKeyOrderOperator({ name, type }: ColumnDescriptor, operator: OrderOperator): void {
  if (operator !== '=' && hasNoOrder(type)) {
    throw new InvalidRequestError(`Slice restrictions are not supported on duration columns (${name})`);
  }
}

/** @throws InvalidRequestError when relations on the same columns do not go together */
export function checkCombination(conditions: readonly KeyCondition[]): void {
  for (const [i, later] of conditions.entries()) {
    for (const earlier of conditions.slice(0, i)) {
      if (earlier.columns.some((column) => later.columns.includes(column))) checkPair(earlier, later);
      else checkMixture(earlier, later);
    }
  }
}

const MIXED =
  'Mixing single column relations and multi column relations on clustering columns is not allowed (except = and IN on columns before)';

/** Two relations that have a column in common. */
function checkPair(a: KeyCondition, b: KeyCondition): void {
  if (a.isTuple !== b.isTuple) throw new InvalidRequestError(MIXED);
  const shown = a.isTuple ? `(${columnsText(a.columns)})` : columnsText(a.columns);
  const choices = [a, b].filter(({ choice }) => choice !== undefined);
  if (choices.length === 1) {
    throw new InvalidRequestError(
      `Column "${shown}" cannot be restricted by both an equality and an inequality relation`,
    );
  }
  if (choices.length === 2) {
    const word = choices.some(({ operator }) => operator === '=') ? 'an Equal' : 'a IN';
    throw new InvalidRequestError(`${shown} cannot be restricted by more than one relation if it includes ${word}`);
  }
  if (startOf(a.columns) !== startOf(b.columns)) {
    throw new InvalidRequestError(
      `Column "${shown}" cannot be restricted by two inequalities not starting with the same column`,
    );
  }
  if (isLowerBound(a) && isLowerBound(b)) {
    throw new InvalidRequestError(`More than one restriction was found for the start bound on ${shown}`);
  }
  if (isUpperBound(a) && isUpperBound(b)) {
    throw new InvalidRequestError(`More than one restriction was found for the end bound on ${shown}`);
  }
}

/** Relations on different columns: a tuple may follow columns that are fixed one by one, in no other way do they mix. */
function checkMixture(a: KeyCondition, b: KeyCondition): void {
  if (a.isTuple === b.isTuple) return;
  const tuple = a.isTuple ? a : b;
  const single = a.isTuple ? b : a;
  if (single.columns[0]!.kind !== tuple.columns[0]!.kind) return;
  const isBefore = startOf(single.columns) < startOf(tuple.columns);
  if (!isBefore || single.choice === undefined) throw new InvalidRequestError(MIXED);
}
