import { NotSupportedYetError } from '../../core/errors.ts';
import type {
  Assignment,
  BatchStatement,
  DeleteStatement,
  InsertStatement,
  ModificationStatement,
  TruncateStatement,
  UpdateStatement,
} from './ast.ts';
import { parseCellOperand, parseConditions, parseKey, parseWhere } from './parser-relation.ts';
import type { ParserState } from './parser-state.ts';
import { parseTerm } from './parser-term.ts';
import { parseUsing } from './parser-using.ts';

/** Takes an INSERT from its first word on. */
export function parseInsert(state: ParserState): InsertStatement {
  state.expectWord('insert');
  state.expectWord('into');
  const table = state.qualifiedName('a table name');
  if (state.isWord('json')) throw new NotSupportedYetError('INSERT JSON is');
  const columns = state.parenthesized(false, () => state.name('a column name'));
  state.expectWord('values');
  const values = state.parenthesized(false, () => parseTerm(state));
  const ifNotExists = state.acceptIfNotExists();
  const using = parseUsing(state, ['ttl', 'timestamp', 'timeout']);
  return { kind: 'insert', table, columns, values, ifNotExists, using, markers: state.markers };
}

/** Takes an UPDATE from its first word on. */
export function parseUpdate(state: ParserState): UpdateStatement {
  state.expectWord('update');
  const table = state.qualifiedName('a table name');
  const using = parseUsing(state, ['ttl', 'timestamp', 'timeout']);
  state.expectWord('set');
  const assignments = state.commaSeparated(() => parseAssignment(state));
  const where = parseWhere(state);
  const { ifExists, conditions } = parseConditions(state);
  return { kind: 'update', table, using, assignments, where, ifExists, conditions, markers: state.markers };
}

/** Takes a DELETE from its first word on. */
export function parseDelete(state: ParserState): DeleteStatement {
  state.expectWord('delete');
  const targets = state.isWord('from') ? [] : state.commaSeparated(() => parseCellOperand(state));
  state.expectWord('from');
  const table = state.qualifiedName('a table name');
  const using = parseUsing(state, ['timestamp', 'timeout']);
  const where = parseWhere(state);
  const { ifExists, conditions } = parseConditions(state);
  return { kind: 'delete', targets, table, using, where, ifExists, conditions, markers: state.markers };
}

/** Takes `BEGIN ... APPLY BATCH`. The markers of its statements are numbered through. */
export function parseBatch(state: ParserState): BatchStatement {
  state.expectWord('begin');
  const type = state.acceptWord('unlogged') ? 'unlogged' : state.acceptWord('counter') ? 'counter' : 'logged';
  state.expectWord('batch');
  const using = parseUsing(state, ['ttl', 'timestamp', 'timeout']);
  const statements: ModificationStatement[] = [];
  while (!state.acceptWord('apply')) {
    statements.push(parseModification(state));
    state.acceptSymbol(';');
  }
  state.expectWord('batch');
  return { kind: 'batch', type, using, statements, markers: state.markers };
}

/** Takes a TRUNCATE from its first word on. */
export function parseTruncate(state: ParserState): TruncateStatement {
  state.expectWord('truncate');
  if (!state.acceptWord('table')) state.acceptWord('columnfamily');
  const table = state.qualifiedName('a table name');
  return { kind: 'truncate', table, using: parseUsing(state, ['timeout']), markers: state.markers };
}

function parseModification(state: ParserState): ModificationStatement {
  if (state.isWord('insert')) return parseInsert(state);
  if (state.isWord('update')) return parseUpdate(state);
  if (state.isWord('delete')) return parseDelete(state);
  throw state.noAlternative('INSERT, UPDATE, DELETE or APPLY BATCH');
}

function parseAssignment(state: ParserState): Assignment {
  const column = state.name('a column name');
  if (state.isSymbol('[')) {
    const key = parseKey(state);
    state.expectSymbol('=');
    return { kind: 'set-element', column, key, value: parseTerm(state) };
  }
  if (state.acceptSymbol('.')) {
    const field = state.name('a field name');
    state.expectSymbol('=');
    return { kind: 'set-field', column, field, value: parseTerm(state) };
  }
  if (state.acceptSymbol('+=')) return { kind: 'add', column, value: parseTerm(state) };
  if (state.acceptSymbol('-=')) return { kind: 'subtract', column, value: parseTerm(state) };
  state.expectSymbol('=');
  if (state.isName() && (state.isSymbol('+', 1) || state.isSymbol('-', 1))) {
    expectSameColumn(state, column);
    const kind = state.next().text === '+' ? 'add' : 'subtract';
    return { kind, column, value: parseTerm(state) };
  }
  const value = parseTerm(state);
  if (!state.acceptSymbol('+')) return { kind: 'set', column, value };
  expectSameColumn(state, column);
  return { kind: 'prepend', column, value };
}

/** Takes the column of the left side again. */
function expectSameColumn(state: ParserState, column: string): void {
  const token = state.peek();
  if (!state.isName()) throw state.noAlternative('the column of the left side');
  state.next();
  if (token.text !== column) {
    throw state.error(
      'Only expressions of the form X = X + <value>, X = X - <value> and X = <value> + X are supported',
      token,
    );
  }
}
