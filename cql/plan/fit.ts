import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { isSameType } from './bind-marker.ts';

/** How well a value suits a place: what decides between overloads of a function. */
export const Fit = { None: 0, Weak: 1, Exact: 2 } as const;
export type Fit = (typeof Fit)[keyof typeof Fit];

/** For a type, the other types whose bytes are values of it too. @see Cassandra `AbstractType.isValueCompatibleWith` */
const ALSO_TAKES: ReadonlyMap<TypeKind, readonly TypeKind[]> = new Map<TypeKind, readonly TypeKind[]>([
  [TypeKind.Text, [TypeKind.Ascii]],
  [TypeKind.Bigint, [TypeKind.Timestamp]],
  [TypeKind.Timestamp, [TypeKind.Bigint]],
  [TypeKind.Uuid, [TypeKind.Timeuuid]],
  [TypeKind.Varint, [TypeKind.Int, TypeKind.Bigint]],
]);

/** Whether the bytes of any value of `from` may be stored as a value of `to`. */
export function fitOfTypes(from: CqlType, to: CqlType): Fit {
  if (isSameType(from, to)) return Fit.Exact;
  if (to.kind === TypeKind.Blob || (ALSO_TAKES.get(to.kind)?.includes(from.kind) ?? false)) return Fit.Weak;
  if (to.kind === TypeKind.Tuple && from.kind === TypeKind.Tuple) {
    const fits =
      from.parameters.length <= to.parameters.length &&
      from.parameters.every((field, i) => fitOfTypes(field, to.parameters[i]!) !== Fit.None);
    return fits ? Fit.Weak : Fit.None;
  }
  return Fit.None;
}
