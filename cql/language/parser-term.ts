import type {
  CallTerm,
  HintTerm,
  LiteralKind,
  LiteralTerm,
  MapEntry,
  MapTerm,
  MarkerTerm,
  NumberTerm,
  SetTerm,
  Term,
  UdtTerm,
} from './ast.ts';
import { type Token, TokenKind } from './lexer.ts';
import type { ParserState } from './parser-state.ts';
import { isTypeName, parseType } from './parser-type.ts';

const LITERAL_KIND: ReadonlyMap<TokenKind, LiteralKind> = new Map<TokenKind, LiteralKind>([
  [TokenKind.String, 'string'],
  [TokenKind.Integer, 'integer'],
  [TokenKind.Float, 'float'],
  [TokenKind.Uuid, 'uuid'],
  [TokenKind.Blob, 'blob'],
  [TokenKind.Duration, 'duration'],
]);

const WORD_LITERALS: ReadonlyMap<string, LiteralTerm> = new Map<string, LiteralTerm>([
  ['true', { kind: 'literal', type: 'boolean', text: 'true' }],
  ['false', { kind: 'literal', type: 'boolean', text: 'false' }],
  ['nan', { kind: 'literal', type: 'float', text: 'NaN' }],
  ['infinity', { kind: 'literal', type: 'float', text: 'Infinity' }],
]);

/** A value: literal, marker, collection, tuple, user type, call, or any of these with a type hint. */
export function parseTerm(state: ParserState): Term {
  state.enter();
  const term = parseTermAtLevel(state);
  state.leave();
  return term;
}

function parseTermAtLevel(state: ParserState): Term {
  const literal = tryLiteral(state);
  if (literal !== undefined) return literal;
  const marker = tryMarker(state);
  if (marker !== undefined) return marker;
  if (state.acceptWord('null')) return { kind: 'null' };
  if (isCall(state)) return parseCall(state);
  if (state.acceptSymbol('[')) return { kind: 'list', items: itemsUntil(state, ']') };
  if (state.isSymbol('{')) return parseBraces(state);
  if (isTypeHint(state)) return parseHint(state);
  if (state.isSymbol('(')) return { kind: 'tuple', items: state.parenthesized(false, () => parseTerm(state)) };
  throw state.noAlternative('a term');
}

/** Takes a constant if one comes; a minus belongs to it if nothing stands between. */
export function tryLiteral(state: ParserState): LiteralTerm | undefined {
  const first = state.peek();
  if (!state.isSymbol('-')) return takeLiteral(state, first, '');
  const second = state.peek(1);
  if (second.start !== first.end) return undefined;
  const isNumber =
    second.kind === TokenKind.Integer ||
    second.kind === TokenKind.Float ||
    second.kind === TokenKind.Duration ||
    state.isWord('infinity', 1) ||
    state.isWord('nan', 1);
  if (!isNumber) return undefined;
  state.next();
  return takeLiteral(state, second, second.text === 'nan' ? '' : '-'); // NaN has no sign
}

function takeLiteral(state: ParserState, token: Token, sign: string): LiteralTerm | undefined {
  if (token.kind === TokenKind.Name) {
    const literal = WORD_LITERALS.get(token.text);
    if (literal === undefined) return undefined;
    state.next();
    return sign === '' ? literal : { ...literal, text: sign + literal.text };
  }
  const type = LITERAL_KIND.get(token.kind);
  if (type === undefined) return undefined;
  state.next();
  return { kind: 'literal', type, text: sign + token.text };
}

/** Takes `?` or `:name` if one comes. */
export function tryMarker(state: ParserState): MarkerTerm | undefined {
  if (state.acceptSymbol('?')) return { kind: 'marker', index: state.marker(undefined) };
  if (!state.acceptSymbol(':')) return undefined;
  return { kind: 'marker', index: state.marker(state.name('the name of a bind marker')) };
}

/** An integer or a marker, or for a TIMEOUT a duration or a marker. */
export function parseNumber(state: ParserState, type: 'integer' | 'duration'): NumberTerm {
  const what = type === 'integer' ? 'an integer or a bind marker' : 'a duration or a bind marker';
  return tryMarker(state) ?? parseLiteralOf(state, type, what);
}

/** A constant of one kind. @param what what is expected, for the error */
export function parseLiteralOf(state: ParserState, type: LiteralKind, what: string): LiteralTerm {
  const at = state.peek();
  const found = state.quoteNext();
  const literal = tryLiteral(state);
  if (literal?.type !== type) throw state.error(`mismatched input ${found} expecting ${what}`, at);
  return literal;
}

/** True if `name(` or `keyspace.name(` comes. */
export function isCall(state: ParserState): boolean {
  if (isFunctionName(state, 0) && state.isSymbol('(', 1)) return true;
  return state.isName() && state.isSymbol('.', 1) && isFunctionName(state, 2) && state.isSymbol('(', 3);
}

/** Takes the name of a call up to its opening parenthesis. */
export function parseCallName(state: ParserState): { keyspace: string | undefined; name: string } {
  const first = state.next().text;
  if (!state.acceptSymbol('.')) return { keyspace: undefined, name: first };
  return { keyspace: first, name: state.next().text };
}

/** `token` is reserved, and a function all the same. */
function isFunctionName(state: ParserState, distance: number): boolean {
  return state.isName(distance) || state.isWord('token', distance);
}

function parseCall(state: ParserState): CallTerm {
  const { keyspace, name } = parseCallName(state);
  return { kind: 'call', keyspace, name, args: state.parenthesized(true, () => parseTerm(state)) };
}

/** True if `(type)` comes, which is a hint for what follows; a tuple begins with a term, never with a bare name. */
export function isTypeHint(state: ParserState): boolean {
  if (!state.isSymbol('(') || !isTypeName(state, 1)) return false;
  if (state.isSymbol('.', 2)) return state.isName(3) && state.isSymbol(')', 4);
  return state.isSymbol(')', 2) || state.isSymbol('<', 2);
}

function parseHint(state: ParserState): HintTerm {
  state.expectSymbol('(');
  const type = parseType(state);
  state.expectSymbol(')');
  return { kind: 'hint', type, term: parseTerm(state) };
}

/** `{}`, a user type (names before the colons), a map (terms before the colons) or a set. */
function parseBraces(state: ParserState): MapTerm | SetTerm | UdtTerm {
  state.expectSymbol('{');
  if (state.acceptSymbol('}')) return { kind: 'map', entries: [] };
  if (state.isName() && state.isSymbol(':', 1)) return parseFields(state);
  const first = parseTerm(state);
  if (state.isSymbol(':')) return parseEntries(state, first);
  const items = [first];
  while (state.acceptSymbol(',')) items.push(parseTerm(state));
  state.expectSymbol('}');
  return { kind: 'set', items };
}

function parseFields(state: ParserState): UdtTerm {
  const fields = state.commaSeparated(() => {
    const field = state.name('a field name');
    state.expectSymbol(':');
    return { field, value: parseTerm(state) };
  });
  state.expectSymbol('}');
  return { kind: 'udt', fields };
}

function parseEntries(state: ParserState, firstKey: Term): MapTerm {
  state.expectSymbol(':');
  const entries: MapEntry[] = [{ key: firstKey, value: parseTerm(state) }];
  while (state.acceptSymbol(',')) {
    const key = parseTerm(state);
    state.expectSymbol(':');
    entries.push({ key, value: parseTerm(state) });
  }
  state.expectSymbol('}');
  return { kind: 'map', entries };
}

function itemsUntil(state: ParserState, close: string): Term[] {
  if (state.acceptSymbol(close)) return [];
  const items = state.commaSeparated(() => parseTerm(state));
  state.expectSymbol(close);
  return items;
}
