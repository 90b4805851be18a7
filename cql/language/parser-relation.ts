import { NotSupportedYetError } from '../../core/errors.ts';
import type {
  ColumnOperand,
  ComparisonOperator,
  ElementOperand,
  FieldOperand,
  Operand,
  Relation,
  Term,
} from './ast.ts';
import { TokenKind } from './lexer.ts';
import type { ParserState } from './parser-state.ts';
import { isTypeHint, parseTerm, tryMarker } from './parser-term.ts';

const COMPARISONS: ReadonlySet<string> = new Set(['=', '!=', '<', '<=', '>', '>=']);

/** Takes `WHERE relation AND ...`. */
export function parseWhere(state: ParserState): Relation[] {
  state.expectWord('where');
  return conjunction(state, parseRelation);
}

/** Takes `IF EXISTS` or `IF condition AND ...` if it comes. */
export function parseConditions(state: ParserState): { ifExists: boolean; conditions: Relation[] } {
  if (!state.acceptWord('if')) return { ifExists: false, conditions: [] };
  if (state.isWord('exists') && !isOperandContinued(state)) {
    state.next();
    return { ifExists: true, conditions: [] };
  }
  return { ifExists: false, conditions: conjunction(state, parseCondition) };
}

/** `c`, `m[k]` or `u.f`: what DELETE and IF can name. */
export function parseCellOperand(state: ParserState): ColumnOperand | ElementOperand | FieldOperand {
  const column = state.name('a column name');
  if (state.isSymbol('[')) return { kind: 'element', column, key: parseKey(state) };
  if (state.acceptSymbol('.')) return { kind: 'field', column, field: state.name('a field name') };
  return { kind: 'column', column };
}

/** Takes `[key]`. @throws NotSupportedYetError for a slice, `[a..b]` */
export function parseKey(state: ParserState): Term {
  state.expectSymbol('[');
  if (state.isSymbol('..')) throw new NotSupportedYetError('A slice of a collection is');
  const key = parseTerm(state);
  if (state.isSymbol('..')) throw new NotSupportedYetError('A slice of a collection is');
  state.expectSymbol(']');
  return key;
}

function conjunction(state: ParserState, parse: (state: ParserState) => Relation): Relation[] {
  const relations = [parse(state)];
  while (state.acceptWord('and')) relations.push(parse(state));
  return relations;
}

/** True if a column named `exists` is meant: an operator or a part follows the word. */
function isOperandContinued(state: ParserState): boolean {
  const token = state.peek(1);
  if (token.kind === TokenKind.Symbol) return COMPARISONS.has(token.text) || token.text === '[' || token.text === '.';
  return state.isWord('in', 1) || state.isWord('not', 1) || state.isWord('like', 1) || state.isWord('contains', 1);
}

/** One relation of WHERE; parentheses around it mean nothing. */
function parseRelation(state: ParserState): Relation {
  if (state.isSymbol('(') && !isColumnTuple(state)) {
    state.enter();
    state.next();
    const relation = parseRelation(state);
    state.expectSymbol(')');
    state.leave();
    return relation;
  }
  return parseOperation(state, parseWhereOperand(state));
}

/** One condition of IF. */
function parseCondition(state: ParserState): Relation {
  const left = parseCellOperand(state);
  if (state.isWord('is')) throw state.noAlternative('an operator');
  return parseOperation(state, left);
}

function isColumnTuple(state: ParserState): boolean {
  return state.isName(1) && (state.isSymbol(',', 2) || state.isSymbol(')', 2));
}

function parseWhereOperand(state: ParserState): Exclude<Operand, FieldOperand> {
  const columnName = () => state.name('a column name');
  if (state.acceptWord('token')) return { kind: 'token', columns: state.parenthesized(false, columnName) };
  if (state.isSymbol('(')) return { kind: 'tuple', columns: state.parenthesized(false, columnName) };
  const column = columnName();
  return state.isSymbol('[') ? { kind: 'element', column, key: parseKey(state) } : { kind: 'column', column };
}

/** What follows the left side. */
function parseOperation(state: ParserState, left: Operand): Relation {
  const token = state.peek();
  if (token.kind === TokenKind.Symbol && COMPARISONS.has(token.text)) {
    const operator = state.next().text as ComparisonOperator;
    return { kind: 'compare', left, operator, right: parseRightSide(state, left) };
  }
  if (left.kind === 'token') throw state.noAlternative('= != < <= > or >=');
  const negated = state.acceptWord('not');
  if (state.acceptWord('in')) return parseMembership(state, left, negated);
  if (left.kind === 'tuple') throw state.noAlternative('= != < <= > >= or IN');
  refuseNewOperators(state, negated);
  if (!negated && state.acceptWord('like')) {
    return { kind: 'compare', left, operator: 'LIKE', right: parseTerm(state) };
  }
  if (!negated && left.kind === 'column' && state.acceptWord('contains')) {
    const operator = state.acceptWord('key') ? 'CONTAINS KEY' : 'CONTAINS';
    return { kind: 'compare', left, operator, right: parseTerm(state) };
  }
  if (!negated && left.kind === 'column' && state.acceptWord('is')) {
    state.expectWord('not');
    state.expectWord('null');
    return { kind: 'is-not-null', left };
  }
  throw state.noAlternative('an operator');
}

function refuseNewOperators(state: ParserState, negated: boolean): void {
  if (negated && state.isWord('contains')) throw new NotSupportedYetError('NOT CONTAINS is');
  if (!negated && state.isWord('between')) throw new NotSupportedYetError('BETWEEN is');
}

/** The value of a comparison; opposite a tuple of columns only a tuple or a marker makes sense. */
function parseRightSide(state: ParserState, left: Operand): Term {
  if (left.kind !== 'tuple') return parseTerm(state);
  return parseTupleValue(state);
}

function parseTupleValue(state: ParserState): Term {
  const isTuple = state.isSymbol('(') || isTypeHint(state);
  if (!isTuple && !state.isSymbol('?') && !state.isSymbol(':')) throw state.noAlternative('a tuple or a bind marker');
  return parseTerm(state);
}

function parseMembership(state: ParserState, left: Exclude<Operand, { kind: 'token' }>, negated: boolean): Relation {
  const marker = tryMarker(state);
  if (marker !== undefined) return { kind: 'in-marker', left, negated, marker };
  const parseItem = left.kind === 'tuple' ? parseTupleValue : parseTerm;
  return { kind: 'in', left, negated, items: state.parenthesized(true, () => parseItem(state)) };
}
