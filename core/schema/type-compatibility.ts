import { type CqlType, TypeKind } from '../types/cql-type.ts';
import { frozen } from '../types/frozen.ts';

/** What ALTER TABLE may turn a type into without touching what is stored. `sstable/schema-header.ts` reads all of it. */

/** Kinds whose values are values of the key's kind too. */
const VALUES_OF: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  [TypeKind.Text]: [TypeKind.Ascii],
  [TypeKind.Varint]: [TypeKind.Int, TypeKind.Bigint, TypeKind.Smallint, TypeKind.Tinyint, TypeKind.Timestamp],
  [TypeKind.Bigint]: [TypeKind.Timestamp],
  [TypeKind.Timestamp]: [TypeKind.Bigint],
  [TypeKind.Uuid]: [TypeKind.Timeuuid],
};

/** Those of them that sort in the same way, by the same prefixes: memtables keep prefixes of clustering values. */
const ORDER_OF: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  [TypeKind.Text]: [TypeKind.Ascii],
  [TypeKind.Blob]: [TypeKind.Ascii, TypeKind.Text],
  [TypeKind.Bigint]: [TypeKind.Timestamp],
  [TypeKind.Timestamp]: [TypeKind.Bigint],
};

function isSame(a: CqlType, b: CqlType): boolean {
  return a.isMultiCell === b.isMultiCell && a.className === b.className;
}

/** True when every value of `before` is a value of `after`, and stored in the same number of cells. */
export function isValueCompatible(before: CqlType, after: CqlType): boolean {
  if (before.isMultiCell !== after.isMultiCell) return false;
  if (isSame(before, after)) return true;
  if (after.kind === TypeKind.Blob) return before.kind !== TypeKind.Counter;
  if (before.kind !== after.kind) return VALUES_OF[after.kind]?.includes(before.kind) ?? false;
  switch (after.kind) {
    case TypeKind.Set:
      return isOrderCompatible(before.parameters[0]!, after.parameters[0]!);
    case TypeKind.Map:
      return (
        isOrderCompatible(before.parameters[0]!, after.parameters[0]!) &&
        isValueCompatible(before.parameters[1]!, after.parameters[1]!)
      );
    case TypeKind.List:
      return isValueCompatible(before.parameters[0]!, after.parameters[0]!);
    case TypeKind.Udt:
    case TypeKind.Tuple:
      // Both may grow at their end: old values lack the last fields.
      return (
        before.udt?.name === after.udt?.name &&
        before.udt?.keyspace === after.udt?.keyspace &&
        before.parameters.length <= after.parameters.length &&
        before.parameters.every((parameter, i) => isValueCompatible(parameter, after.parameters[i]!))
      );
    default:
      return false;
  }
}

/** True when values of `before` are values of `after` and sort alike: what clustering columns, set elements and map keys need. */
export function isOrderCompatible(before: CqlType, after: CqlType): boolean {
  if (isSame(frozen(before), frozen(after))) return before.isMultiCell === after.isMultiCell;
  return ORDER_OF[after.kind]?.includes(before.kind) ?? false;
}
