import { InvalidRequestError, NotSupportedYetError } from '../../core/errors.ts';
import type {
  AlterTableStatement,
  ColumnDefinition,
  CreateTableStatement,
  DropColumnsChange,
  Ordering,
  TableChange,
} from './ast.ts';
import { parseProperties } from './parser-property.ts';
import { parseRename, parseRetype } from './parser-rename.ts';
import { parseOrdering } from './parser-select.ts';
import type { ParserState } from './parser-state.ts';
import { parseLiteralOf } from './parser-term.ts';
import { parseType } from './parser-type.ts';

interface PrimaryKey {
  readonly partitionKey: readonly string[];
  readonly clustering: readonly string[];
}

/**
 * Takes the rest of a CREATE TABLE.
 * @throws InvalidRequestError unless there is exactly one primary key
 */
export function parseCreateTable(state: ParserState): CreateTableStatement {
  const ifNotExists = state.acceptIfNotExists();
  const table = state.qualifiedName('a table name');
  if (state.isWord('like')) throw new NotSupportedYetError('CREATE TABLE ... LIKE is');
  const columns: ColumnDefinition[] = [];
  const primaryKeys: PrimaryKey[] = [];
  state.expectSymbol('(');
  do {
    if (columns.length > 0 && state.isSymbol(')')) break; // a comma after the last column is allowed
    if (state.isWord('primary')) primaryKeys.push(parsePrimaryKey(state));
    else parseColumn(state, columns, primaryKeys);
  } while (state.acceptSymbol(','));
  state.expectSymbol(')');
  let clusteringOrder: readonly Ordering[] | undefined;
  const takeOther = () => {
    refuseCompactStorage(state);
    if (!state.isWord('clustering') || !state.isWord('order', 1)) return false;
    if (clusteringOrder !== undefined) throw state.error('Multiple definition of CLUSTERING ORDER');
    clusteringOrder = parseClusteringOrder(state);
    return true;
  };
  const properties = state.isWord('with') ? parseProperties(state, takeOther) : [];
  const [primaryKey] = primaryKeys;
  if (primaryKey === undefined) throw new InvalidRequestError('No PRIMARY KEY specified (exactly one required)');
  if (primaryKeys.length > 1) throw new InvalidRequestError('Multiple PRIMARY KEYs specified (exactly one required)');
  return {
    kind: 'create-table',
    ifNotExists,
    table,
    columns,
    partitionKey: primaryKey.partitionKey,
    clustering: primaryKey.clustering,
    clusteringOrder: clusteringOrder ?? [],
    properties,
    markers: [],
  };
}

/** Takes the rest of an ALTER TABLE. */
export function parseAlterTable(state: ParserState): AlterTableStatement {
  const ifExists = state.acceptIfExists();
  const table = state.qualifiedName('a table name');
  return { kind: 'alter-table', ifExists, table, change: parseTableChange(state), markers: [] };
}

function parseColumn(state: ParserState, columns: ColumnDefinition[], primaryKeys: PrimaryKey[]): void {
  const column = parseColumnDefinition(state);
  columns.push(column);
  if (!state.acceptWord('primary')) return;
  state.expectWord('key');
  primaryKeys.push({ partitionKey: [column.name], clustering: [] });
}

function parseColumnDefinition(state: ParserState): ColumnDefinition {
  const name = state.name('a column name');
  const type = parseType(state);
  const isStatic = state.acceptWord('static');
  if (state.isWord('ttl')) throw new NotSupportedYetError('A TTL column is');
  return { name, type, isStatic };
}

/** `PRIMARY KEY (p, c)` or `PRIMARY KEY ((p, q), c)`. */
function parsePrimaryKey(state: ParserState): PrimaryKey {
  const columnName = () => state.name('a column name');
  state.expectWord('primary');
  state.expectWord('key');
  state.expectSymbol('(');
  const partitionKey = state.isSymbol('(') ? state.parenthesized(false, columnName) : [columnName()];
  const clustering: string[] = [];
  while (state.acceptSymbol(',')) clustering.push(columnName());
  state.expectSymbol(')');
  return { partitionKey, clustering };
}

function parseClusteringOrder(state: ParserState): Ordering[] {
  state.expectWord('clustering');
  state.expectWord('order');
  state.expectWord('by');
  return state.parenthesized(false, () => parseOrdering(state));
}

function refuseCompactStorage(state: ParserState): void {
  if (state.isWord('compact') && state.isWord('storage', 1)) throw new NotSupportedYetError('COMPACT STORAGE is');
}

function parseTableChange(state: ParserState): TableChange {
  if (state.isWord('ttl')) throw new NotSupportedYetError('A TTL column is');
  if (state.isWord('with')) {
    const refuse = () => {
      refuseCompactStorage(state);
      return false;
    };
    return { kind: 'with', properties: parseProperties(state, refuse) };
  }
  if (state.acceptWord('add')) {
    const ifNotExists = state.acceptIfNotExists();
    const definition = () => parseColumnDefinition(state);
    const columns = state.isSymbol('(') ? state.parenthesized(false, definition) : state.commaSeparated(definition);
    return { kind: 'add', ifNotExists, columns };
  }
  if (state.acceptWord('drop')) return parseDropColumns(state);
  if (state.acceptWord('rename')) return parseRename(state);
  if (state.acceptWord('alter')) return parseRetype(state);
  throw state.noAlternative('ADD, DROP, RENAME, ALTER or WITH');
}

function parseDropColumns(state: ParserState): DropColumnsChange {
  if (state.isWord('compact') && state.isWord('storage', 1)) throw new NotSupportedYetError('COMPACT STORAGE is');
  const ifExists = state.acceptIfExists();
  const columnName = () => state.name('a column name');
  const columns = state.isSymbol('(') ? state.parenthesized(false, columnName) : [columnName()];
  if (!state.acceptWord('using')) return { kind: 'drop', ifExists, columns, timestamp: undefined };
  state.expectWord('timestamp');
  const timestamp = parseLiteralOf(state, 'integer', 'an integer');
  return { kind: 'drop', ifExists, columns, timestamp };
}
