import type { TypeNode, TypeNodeKind } from './ast.ts';
import { TokenKind } from './lexer.ts';
import type { ParserState } from './parser-state.ts';

const NATIVE: ReadonlySet<string> = new Set(
  (
    'ascii bigint blob boolean counter date decimal double duration float inet int smallint text time timestamp ' +
    'timeuuid tinyint uuid varint'
  ).split(' '),
);

const PARAMETER_COUNT: ReadonlyMap<string, number> = new Map([
  ['list', 1],
  ['set', 1],
  ['map', 2],
]);

/** True if an unquoted word is a type by itself, or begins one: a user type of that name must be quoted. */
export function isTypeWord(word: string): boolean {
  return NATIVE.has(word) || word === 'varchar' || PARAMETER_COUNT.has(word) || /^(?:tuple|vector|frozen)$/.test(word);
}

/** True if a type may come, other than a class name: a name, or `set`, which is reserved. */
export function isTypeName(state: ParserState, distance = 0): boolean {
  return state.isName(distance) || state.isWord('set', distance);
}

/** `int`, `map<text, frozen<list<int>>>`, `vector<float, 3>`, `ks.address`, `'org.apache.cassandra...'`. */
export function parseType(state: ParserState): TypeNode {
  state.enter();
  const node = parseTypeAtLevel(state);
  state.leave();
  return node;
}

function parseTypeAtLevel(state: ParserState): TypeNode {
  const token = state.peek();
  if (token.kind === TokenKind.String) return node('custom', state.next().text);
  if (!isTypeName(state)) throw state.noAlternative('a type');
  if (token.kind === TokenKind.QuotedName || state.isSymbol('.', 1)) return parseUserType(state);
  const word = state.next().text;
  if (NATIVE.has(word)) return node('native', word);
  switch (word) {
    case 'varchar':
      return node('native', 'text');
    case 'frozen': {
      state.expectSymbol('<');
      const inner = parseType(state);
      state.expectSymbol('>');
      return { ...inner, frozen: true };
    }
    case 'list':
    case 'set':
    case 'map':
      return parseCollection(state, word);
    case 'tuple': {
      state.expectSymbol('<');
      const parameters = state.commaSeparated(() => parseType(state));
      state.expectSymbol('>');
      return { ...node('tuple', 'tuple'), parameters };
    }
    case 'vector':
      return parseVector(state);
    default:
      return node('user', word);
  }
}

function parseUserType(state: ParserState): TypeNode {
  const { keyspace, name } = state.qualifiedName('a type');
  return { ...node('user', name), keyspace };
}

function parseCollection(state: ParserState, kind: 'list' | 'set' | 'map'): TypeNode {
  state.expectSymbol('<');
  const parameters = [parseType(state)];
  while (parameters.length < PARAMETER_COUNT.get(kind)!) {
    state.expectSymbol(',');
    parameters.push(parseType(state));
  }
  state.expectSymbol('>');
  return { ...node(kind, kind), parameters };
}

function parseVector(state: ParserState): TypeNode {
  state.expectSymbol('<');
  const element = parseType(state);
  state.expectSymbol(',');
  const token = state.peek();
  if (token.kind !== TokenKind.Integer) throw state.mismatch('the number of elements');
  const dimension = Number(token.text);
  if (!Number.isSafeInteger(dimension)) throw state.error('the number of elements of a vector is too large');
  state.next();
  state.expectSymbol('>');
  return { ...node('vector', 'vector'), parameters: [element], dimension };
}

function node(kind: TypeNodeKind, name: string): TypeNode {
  return { kind, frozen: false, keyspace: undefined, name, parameters: [], dimension: 0 };
}
