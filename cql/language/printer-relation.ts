import { unreachable } from '../../core/assert.ts';
import type { Markers, Operand, Relation } from './ast.ts';
import { printIdentifier } from './identifier.ts';
import { printTerm } from './printer-value.ts';

/** Relations with AND between: what stands after WHERE and IF. */
export function printRelations(relations: readonly Relation[], markers: Markers): string {
  return relations.map((relation) => printRelation(relation, markers)).join(' AND ');
}

function printRelation(relation: Relation, markers: Markers): string {
  const left = printOperand(relation.left, markers);
  switch (relation.kind) {
    case 'compare':
      return `${left} ${relation.operator} ${printTerm(relation.right, markers)}`;
    case 'in': {
      const items = relation.items.map((item) => printTerm(item, markers)).join(', ');
      return `${left} ${relation.negated ? 'NOT IN' : 'IN'} (${items})`;
    }
    case 'in-marker':
      return `${left} ${relation.negated ? 'NOT IN' : 'IN'} ${printTerm(relation.marker, markers)}`;
    case 'is-not-null':
      return `${left} IS NOT NULL`;
    default:
      return unreachable(relation);
  }
}

/** The left side of a relation, or what a DELETE names. */
export function printOperand(operand: Operand, markers: Markers): string {
  switch (operand.kind) {
    case 'column':
      return printIdentifier(operand.column);
    case 'element':
      return `${printIdentifier(operand.column)}[${printTerm(operand.key, markers)}]`;
    case 'field':
      return `${printIdentifier(operand.column)}.${printIdentifier(operand.field)}`;
    case 'tuple':
      return `(${operand.columns.map(printIdentifier).join(', ')})`;
    case 'token':
      return `token(${operand.columns.map(printIdentifier).join(', ')})`;
    default:
      return unreachable(operand);
  }
}
