import { NotSupportedYetError } from '../../core/errors.ts';
import type {
  ColumnSelector,
  NumberTerm,
  Ordering,
  SelectItem,
  Selector,
  SelectStatement,
  TermSelector,
} from './ast.ts';
import { TokenKind } from './lexer.ts';
import { parseKey, parseWhere } from './parser-relation.ts';
import { MAX_DEPTH, type ParserState } from './parser-state.ts';
import { isCall, isTypeHint, parseCallName, parseNumber, parseTerm } from './parser-term.ts';
import { parseType } from './parser-type.ts';
import { parseUsing } from './parser-using.ts';

/** Takes a SELECT from its first word on. */
export function parseSelect(state: ParserState): SelectStatement {
  state.expectWord('select');
  if (isModifier(state, 'json')) throw new NotSupportedYetError('SELECT JSON is');
  const distinct = isModifier(state, 'distinct');
  if (distinct) state.next();
  const items = state.acceptSymbol('*') ? [] : state.commaSeparated(() => parseItem(state));
  state.expectWord('from');
  if (state.isWord('mutation_fragments') && state.isSymbol('(', 1)) {
    throw new NotSupportedYetError('SELECT FROM MUTATION_FRAGMENTS is');
  }
  const from = state.qualifiedName('a table name');
  const where = state.isWord('where') ? parseWhere(state) : [];
  const groupBy = parseGroupBy(state);
  const orderBy = parseOrderBy(state);
  const perPartitionLimit = parsePerPartitionLimit(state);
  const limit = state.acceptWord('limit') ? parseNumber(state, 'integer') : undefined;
  const allowFiltering = acceptPair(state, 'allow', 'filtering');
  const bypassCache = acceptPair(state, 'bypass', 'cache');
  const using = parseUsing(state, ['timeout']);
  const { markers } = state;
  return {
    kind: 'select',
    distinct,
    items,
    from,
    where,
    groupBy,
    orderBy,
    perPartitionLimit,
    limit,
    allowFiltering,
    bypassCache,
    using,
    markers,
  };
}

/** `c [ASC | DESC]` of ORDER BY and CLUSTERING ORDER BY. */
export function parseOrdering(state: ParserState): Ordering {
  const column = state.name('a column name');
  if (state.isWord('ann') && state.isWord('of', 1)) throw new NotSupportedYetError('ORDER BY ... ANN OF is');
  const descending = state.acceptWord('desc');
  if (!descending) state.acceptWord('asc');
  return { column, descending };
}

/** True if the word modifies the SELECT; it is a column if the list goes on or ends after it. */
function isModifier(state: ParserState, word: 'distinct' | 'json'): boolean {
  if (!state.isWord(word)) return false;
  const next = state.peek(1);
  if (next.kind === TokenKind.End) return false;
  if (next.kind !== TokenKind.Symbol) return !state.isWord('from', 1) && !state.isWord('as', 1);
  const isElement = next.text === '[' && word === 'json'; // a map named json is likely, one named distinct is not
  return next.text !== ',' && next.text !== '.' && !isElement;
}

function parseItem(state: ParserState): SelectItem {
  const selector = parseSelector(state);
  return { selector, alias: state.acceptWord('as') ? state.name('an alias') : undefined };
}

function parseSelector(state: ParserState): Selector {
  state.enter();
  const selector = parseSelectorAtLevel(state);
  state.leave();
  return selector;
}

function parseSelectorAtLevel(state: ParserState): Selector {
  const special = trySpecialCall(state);
  if (special !== undefined) return special;
  if (isCall(state)) {
    const { keyspace, name } = parseCallName(state);
    return { kind: 'call', keyspace, name, args: state.parenthesized(true, () => parseSelector(state)) };
  }
  if (isTypeHint(state)) {
    state.next();
    const type = parseType(state);
    state.expectSymbol(')');
    return { kind: 'hint', type, of: parseSelector(state) };
  }
  if (state.isName()) return parseColumnSelector(state);
  return { kind: 'term', term: parseTerm(state) as TermSelector['term'] }; // calls and hints were taken above
}

/** The forms that look like calls and are not: writetime, ttl, cast, count(*) and count(1). Quoted, they are calls. */
function trySpecialCall(state: ParserState): Selector | undefined {
  const token = state.peek();
  if (token.kind !== TokenKind.Name || !state.isSymbol('(', 1)) return undefined;
  switch (token.text) {
    case 'writetime':
    case 'ttl': {
      state.next();
      state.next();
      const of = parseColumnSelector(state);
      state.expectSymbol(')');
      return { kind: token.text, of };
    }
    case 'cast': {
      state.next();
      state.next();
      const of = parseSelector(state);
      state.expectWord('as');
      const type = parseType(state);
      state.expectSymbol(')');
      return { kind: 'cast', of, type };
    }
    case 'count': {
      const argument = state.peek(2);
      const isOne = argument.kind === TokenKind.Integer && argument.text === '1';
      if (!(isOne || state.isSymbol('*', 2)) || !state.isSymbol(')', 3)) return undefined;
      for (let i = 0; i < 4; i++) state.next();
      return { kind: 'count-rows' };
    }
    default:
      return undefined;
  }
}

/** `c`, `c.f`, `c[k]`, `c[k].f` and so on. */
function parseColumnSelector(state: ParserState): ColumnSelector {
  let selector: ColumnSelector = { kind: 'column', name: state.name('a column name') };
  for (let depth = 1; ; depth++) {
    if (depth > MAX_DEPTH) throw state.tooDeep(); // each turn makes the tree one level deeper
    if (state.isSymbol('[')) selector = { kind: 'element', of: selector, key: parseKey(state) };
    else if (state.acceptSymbol('.')) selector = { kind: 'field', of: selector, field: state.name('a field name') };
    else return selector;
  }
}

function parseGroupBy(state: ParserState): string[] {
  if (!state.acceptWord('group')) return [];
  state.expectWord('by');
  return state.commaSeparated(() => state.name('a column name'));
}

function parseOrderBy(state: ParserState): Ordering[] {
  if (!state.acceptWord('order')) return [];
  state.expectWord('by');
  return state.commaSeparated(() => parseOrdering(state));
}

function parsePerPartitionLimit(state: ParserState): NumberTerm | undefined {
  if (!state.acceptWord('per')) return undefined;
  state.expectWord('partition');
  state.expectWord('limit');
  return parseNumber(state, 'integer');
}

function acceptPair(state: ParserState, first: string, second: string): boolean {
  if (!state.acceptWord(first)) return false;
  state.expectWord(second);
  return true;
}
