import type {
  AlterKeyspaceStatement,
  AlterTypeStatement,
  CreateKeyspaceStatement,
  CreateTypeStatement,
  DropKeyspaceStatement,
  DropTableStatement,
  DropTypeStatement,
  FieldDefinition,
  Markers,
  SchemaStatement,
  TypeChange,
  UseStatement,
} from './ast.ts';
import { parseProperties } from './parser-property.ts';
import { parseRename, parseRetype } from './parser-rename.ts';
import type { ParserState } from './parser-state.ts';
import { parseAlterTable, parseCreateTable } from './parser-table.ts';
import { parseType } from './parser-type.ts';
import { refuseUnsupported } from './parser-unsupported.ts';

const NO_MARKERS: Markers = [];

/** Takes a CREATE from its first word on. */
export function parseCreate(state: ParserState): SchemaStatement {
  refuseUnsupported(state);
  state.expectWord('create');
  if (acceptKeyspace(state)) return parseCreateKeyspace(state);
  if (acceptTable(state)) return parseCreateTable(state);
  if (state.acceptWord('type')) return parseCreateType(state);
  throw state.noAlternative('KEYSPACE, TABLE or TYPE');
}

/** Takes an ALTER from its first word on. */
export function parseAlter(state: ParserState): SchemaStatement {
  refuseUnsupported(state);
  state.expectWord('alter');
  if (acceptKeyspace(state)) return parseAlterKeyspace(state);
  if (acceptTable(state)) return parseAlterTable(state);
  if (state.acceptWord('type')) return parseAlterType(state);
  throw state.noAlternative('KEYSPACE, TABLE or TYPE');
}

/** Takes a DROP from its first word on. */
export function parseDrop(state: ParserState): DropKeyspaceStatement | DropTableStatement | DropTypeStatement {
  refuseUnsupported(state);
  state.expectWord('drop');
  if (acceptKeyspace(state)) {
    const ifExists = state.acceptIfExists();
    return { kind: 'drop-keyspace', ifExists, keyspace: state.name('a keyspace name'), markers: NO_MARKERS };
  }
  if (acceptTable(state)) {
    const ifExists = state.acceptIfExists();
    return { kind: 'drop-table', ifExists, table: state.qualifiedName('a table name'), markers: NO_MARKERS };
  }
  if (state.acceptWord('type')) {
    const ifExists = state.acceptIfExists();
    return { kind: 'drop-type', ifExists, type: state.qualifiedName('a type name'), markers: NO_MARKERS };
  }
  throw state.noAlternative('KEYSPACE, TABLE or TYPE');
}

/** Takes a USE from its first word on. */
export function parseUse(state: ParserState): UseStatement {
  state.expectWord('use');
  return { kind: 'use', keyspace: state.name('a keyspace name'), markers: NO_MARKERS };
}

function acceptKeyspace(state: ParserState): boolean {
  return state.acceptWord('keyspace') || state.acceptWord('schema');
}

function acceptTable(state: ParserState): boolean {
  return state.acceptWord('table') || state.acceptWord('columnfamily');
}

function parseCreateKeyspace(state: ParserState): CreateKeyspaceStatement {
  const ifNotExists = state.acceptIfNotExists();
  const keyspace = state.name('a keyspace name');
  const properties = state.isWord('with') ? parseProperties(state) : [];
  return { kind: 'create-keyspace', ifNotExists, keyspace, properties, markers: NO_MARKERS };
}

function parseAlterKeyspace(state: ParserState): AlterKeyspaceStatement {
  const ifExists = state.acceptIfExists();
  const keyspace = state.name('a keyspace name');
  return { kind: 'alter-keyspace', ifExists, keyspace, properties: parseProperties(state), markers: NO_MARKERS };
}

function parseCreateType(state: ParserState): CreateTypeStatement {
  const ifNotExists = state.acceptIfNotExists();
  const type = state.qualifiedName('a type name');
  const fields = state.parenthesized(false, () => parseField(state));
  return { kind: 'create-type', ifNotExists, type, fields, markers: NO_MARKERS };
}

function parseAlterType(state: ParserState): AlterTypeStatement {
  const ifExists = state.acceptIfExists();
  const type = state.qualifiedName('a type name');
  return { kind: 'alter-type', ifExists, type, change: parseTypeChange(state), markers: NO_MARKERS };
}

function parseTypeChange(state: ParserState): TypeChange {
  if (state.acceptWord('add')) {
    const ifNotExists = state.acceptIfNotExists();
    return { kind: 'add', ifNotExists, field: parseField(state) };
  }
  if (state.acceptWord('rename')) return parseRename(state);
  if (state.acceptWord('alter')) return parseRetype(state);
  throw state.noAlternative('ADD, RENAME or ALTER');
}

function parseField(state: ParserState): FieldDefinition {
  return { name: state.name('a field name'), type: parseType(state) };
}
