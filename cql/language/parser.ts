import type { Statement } from './ast.ts';
import { TokenKind } from './lexer.ts';
import { parseBatch, parseDelete, parseInsert, parseTruncate, parseUpdate } from './parser-modify.ts';
import { parseAlter, parseCreate, parseDrop, parseUse } from './parser-schema.ts';
import { parseSelect } from './parser-select.ts';
import { ParserState } from './parser-state.ts';
import { refuseUnsupported } from './parser-unsupported.ts';

const BY_FIRST_WORD: ReadonlyMap<string, (state: ParserState) => Statement> = new Map<
  string,
  (state: ParserState) => Statement
>([
  ['select', parseSelect],
  ['insert', parseInsert],
  ['update', parseUpdate],
  ['delete', parseDelete],
  ['begin', parseBatch],
  ['truncate', parseTruncate],
  ['use', parseUse],
  ['create', parseCreate],
  ['alter', parseAlter],
  ['drop', parseDrop],
]);

/**
 * Parses one CQL statement; semicolons at its end are allowed, anything after them is not. Time and memory are linear
 * in the length of the text, and the stack is bounded, whatever the text.
 *
 * DESCRIBE is a syntax error on purpose: it makes cqlsh describe by itself, from the schema tables (spec/cql-protocol §12.6).
 * @throws SyntaxException when the text is not CQL
 * @throws NotSupportedYetError when it is, or begins as, something that is not built
 * @throws InvalidRequestError for no or several primary keys, and for more than 65535 markers
 */
export function parseStatement(text: string): Statement {
  const state = new ParserState(text);
  const first = state.peek();
  const parse = first.kind === TokenKind.Name ? BY_FIRST_WORD.get(first.text) : undefined;
  if (parse === undefined) {
    refuseUnsupported(state);
    throw state.noAlternative('a statement');
  }
  const statement = parse(state);
  while (state.acceptSymbol(';'));
  if (state.peek().kind !== TokenKind.End) throw state.error(`missing EOF at ${state.quoteNext()}`);
  return statement;
}
