import { InvalidRequestError, NotSupportedYetError } from '../../core/errors.ts';
import { type ColumnKind, ColumnKind as Kind } from '../../core/schema/column.ts';
import type { KeyspaceDescriptor } from '../../core/schema/keyspace.ts';
import { selfContainedTypeText } from '../../core/schema/schema-codec.ts';
import type { ColumnData } from '../../core/schema/schema-data.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { frozen } from '../../core/types/frozen.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import type { TypeNode } from '../language/ast.ts';
import { printType } from '../language/printer-value.ts';

/** A type of a statement, resolved: the type itself and the text that stands for it in a schema change. */
export interface ResolvedType {
  readonly type: CqlType;
  readonly text: string;
}

/**
 * The type that a column or field is declared with.
 * @param isRestoring see SchemaEnvironment
 * @throws InvalidRequestError for an unknown type or one that no column can have; NotSupportedYetError for counters and
 * classes that have no CQL type
 */
export function resolveType(node: TypeNode, keyspace: KeyspaceDescriptor, isRestoring = false): ResolvedType {
  const type = parseCqlType(printType(node), (name) => keyspace.types.get(name));
  checkParts(type, keyspace, isRestoring);
  return { type, text: node.kind === 'custom' && isRestoring ? selfContainedTypeText(type) : type.cqlName };
}

function checkParts(type: CqlType, keyspace: KeyspaceDescriptor, isRestoring: boolean): void {
  if (type.kind === TypeKind.Counter) throw new NotSupportedYetError('Counter columns are');
  if (type.kind === TypeKind.Custom)
    throw new NotSupportedYetError(`Columns of type ${type.cqlName.slice(0, 200)} are`);
  if (type.kind === TypeKind.Empty) throw new InvalidRequestError(`Unknown type ${type.cqlName}`);
  if (type.udt !== undefined && !isRestoring) {
    // Only a class name can bring in a user type that is not the keyspace's own.
    const own = keyspace.types.get(type.udt.name);
    if (own === undefined || frozen(own).className !== frozen(type).className) {
      throw new InvalidRequestError(`Unknown type ${type.udt.keyspace}.${type.udt.name}`);
    }
  }
  for (const parameter of type.parameters) checkParts(parameter, keyspace, isRestoring);
}

/** True when a duration occurs in the type: it has no order. */
export function holdsDuration(type: CqlType): boolean {
  return type.kind === TypeKind.Duration || type.parameters.some(holdsDuration);
}

/** @throws InvalidRequestError when no column may have the type */
export function checkColumnType(name: string, type: CqlType): void {
  if (type.kind !== TypeKind.Udt || !type.isMultiCell) return;
  if (type.parameters.some((field) => field.isMultiCell)) {
    throw new InvalidRequestError(
      `Non-frozen UDTs with nested non-frozen collections are not supported (column ${name})`,
    );
  }
}

/** @throws InvalidRequestError when no column of a primary key may have the type */
export function checkKeyType(name: string, type: CqlType): void {
  if (type.isMultiCell) {
    const what = type.kind === TypeKind.Udt ? 'user-defined' : 'collection';
    throw new InvalidRequestError(`Invalid non-frozen ${what} type for PRIMARY KEY component ${name}`);
  }
  if (holdsDuration(type)) throw new InvalidRequestError(`duration type is not supported for PRIMARY KEY part ${name}`);
}

/** The columns with their places among static and regular columns, which follow the order of names as bytes. */
export function withPositions(columns: readonly ColumnData[]): ColumnData[] {
  const positions = new Map<ColumnData, number>();
  for (const kind of [Kind.Static, Kind.Regular] as readonly ColumnKind[]) {
    columns
      .filter((column) => column.kind === kind)
      .map((column) => ({ column, bytes: Buffer.from(column.name, 'utf8') }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .forEach(({ column }, position) => {
        positions.set(column, position);
      });
  }
  return columns.map((column) => ({ ...column, position: positions.get(column) ?? column.position }));
}
