import type { ComparisonOperator } from '../language/ast.ts';

/** The operators that order values. */
export type OrderOperator = '=' | '<' | '<=' | '>' | '>=';

export function isOrderOperator(operator: ComparisonOperator): operator is OrderOperator {
  return operator === '=' || operator === '<' || operator === '<=' || operator === '>' || operator === '>=';
}

/** Whether `a operator b` is true. @param order of a to b: < 0, 0 or > 0 */
export function orderSatisfies(order: number, operator: OrderOperator): boolean {
  switch (operator) {
    case '=':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}
