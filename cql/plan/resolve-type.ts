import type { KeyspaceDescriptor } from '../../core/schema/keyspace.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import type { TypeNode } from '../language/ast.ts';
import { printType } from '../language/printer-value.ts';

/**
 * The type that a statement names.
 * @param keyspace whose user types it may name
 * @throws InvalidRequestError for a type that does not exist or makes no sense
 */
export function resolveType(node: TypeNode, keyspace: Pick<KeyspaceDescriptor, 'types'>): CqlType {
  return parseCqlType(printType(node), (name) => keyspace.types.get(name));
}
