import type { CqlType } from '../types/cql-type.ts';
import type { KeyspaceDescriptor } from './keyspace.ts';

/**
 * The user types of a keyspace that `roots` are or hold, in their non-frozen form, each after those that it holds itself: the
 * order in which they can be made. (A field may have been added that is of a younger type.)
 */
export function userTypesWithin(keyspace: KeyspaceDescriptor, roots: Iterable<CqlType>): CqlType[] {
  const ordered = new Set<CqlType>();
  const visit = (type: CqlType): void => {
    const own = type.udt === undefined ? undefined : keyspace.types.get(type.udt.name);
    if (own !== undefined && ordered.has(own)) return;
    for (const parameter of (own ?? type).parameters) visit(parameter);
    if (own !== undefined) ordered.add(own);
  };
  for (const type of roots) visit(type);
  return [...ordered];
}
