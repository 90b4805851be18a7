import { unreachable } from '../../core/assert.ts';
import type { LiteralTerm, Markers, PropertyValue, QualifiedName, Selector, Term, TypeNode } from './ast.ts';
import { printIdentifier, quoteIdentifier } from './identifier.ts';
import { isTypeWord } from './parser-type.ts';

/** Words that unquoted mean something else where a call may begin: forms of the SELECT list, and KEY after CONTAINS. */
const TAKEN_BEFORE_CALLS: ReadonlySet<string> = new Set(['cast', 'key', 'ttl', 'writetime']);

/** `name` or `keyspace.name`. */
export function printQualifiedName({ keyspace, name }: QualifiedName): string {
  return keyspace === undefined ? printIdentifier(name) : `${printIdentifier(keyspace)}.${printIdentifier(name)}`;
}

/** A type in the form that the schema tables show: `frozen<map<text, int>>`. */
export function printType(type: TypeNode): string {
  const bare = printBareType(type);
  return type.frozen ? `frozen<${bare}>` : bare;
}

function printBareType(type: TypeNode): string {
  switch (type.kind) {
    case 'native':
      return type.name;
    case 'custom':
      return quoteString(type.name);
    case 'user':
      // A user type with the name of a built-in one is told from that by its quotes.
      if (type.keyspace === undefined && isTypeWord(type.name)) return quoteIdentifier(type.name);
      return printQualifiedName(type);
    case 'vector':
      return `vector<${type.parameters.map(printType).join(', ')}, ${type.dimension}>`;
    case 'list':
    case 'set':
    case 'map':
    case 'tuple':
      return `${type.kind}<${type.parameters.map(printType).join(', ')}>`;
    default:
      return unreachable(type.kind);
  }
}

/** A value. @param markers of the statement it is in */
export function printTerm(term: Term, markers: Markers): string {
  const print = (inner: Term): string => printTerm(inner, markers);
  switch (term.kind) {
    case 'literal':
      return printLiteral(term);
    case 'null':
      return 'null';
    case 'marker':
      return printMarker(markers[term.index]);
    case 'list':
      return `[${term.items.map(print).join(', ')}]`;
    case 'set':
      return `{${term.items.map(print).join(', ')}}`;
    case 'map':
      return `{${term.entries.map(({ key, value }) => `${print(key)}: ${print(value)}`).join(', ')}}`;
    case 'udt':
      return `{${term.fields.map(({ field, value }) => `${printIdentifier(field)}: ${print(value)}`).join(', ')}}`;
    case 'tuple':
      return `(${term.items.map(print).join(', ')})`;
    case 'call':
      return `${printFunctionName(term)}(${term.args.map(print).join(', ')})`;
    case 'hint':
      return `(${printType(term.type)})${print(term.term)}`;
    default:
      return unreachable(term);
  }
}

/** One entry of a SELECT list, without its alias. */
export function printSelector(selector: Selector, markers: Markers): string {
  const print = (inner: Selector): string => printSelector(inner, markers);
  switch (selector.kind) {
    case 'column':
      return printIdentifier(selector.name);
    case 'field':
      return `${print(selector.of)}.${printIdentifier(selector.field)}`;
    case 'element':
      return `${print(selector.of)}[${printTerm(selector.key, markers)}]`;
    case 'call': {
      const args = selector.args.map(print).join(', ');
      // count(1) is another way to write count(*); the function with that argument has its name in quotes.
      const isCountOfOne = selector.keyspace === undefined && selector.name === 'count' && args === '1';
      return `${isCountOfOne ? '"count"' : printFunctionName(selector)}(${args})`;
    }
    case 'count-rows':
      return 'count(*)';
    case 'writetime':
    case 'ttl':
      return `${selector.kind}(${print(selector.of)})`;
    case 'cast':
      return `cast(${print(selector.of)} AS ${printType(selector.type)})`;
    case 'hint':
      return `(${printType(selector.type)})${print(selector.of)}`;
    case 'term':
      return printTerm(selector.term, markers);
    default:
      return unreachable(selector);
  }
}

/** Value of an option of a keyspace or table. */
export function printPropertyValue(value: PropertyValue): string {
  return printTerm(value, []);
}

/** A CQL string literal. */
export function quoteString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function printLiteral(literal: LiteralTerm): string {
  return literal.type === 'string' ? quoteString(literal.text) : literal.text;
}

function printMarker(name: string | undefined): string {
  return name === undefined ? '?' : `:${printIdentifier(name)}`;
}

function printFunctionName({ keyspace, name }: QualifiedName): string {
  const isToken = name === 'token'; // reserved, and a function all the same
  if (keyspace === undefined) return isToken ? name : printFirstOfCall(name);
  return `${printFirstOfCall(keyspace)}.${isToken ? name : printIdentifier(name)}`;
}

function printFirstOfCall(word: string): string {
  return TAKEN_BEFORE_CALLS.has(word) ? quoteIdentifier(word) : printIdentifier(word);
}
